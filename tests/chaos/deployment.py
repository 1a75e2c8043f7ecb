"""A whole deployment of real processes: PostgreSQL, broker, service, workers. All of it is ours."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Self

import httpx
import psutil

from tests.chaos.kinds.drill import CHECKPOINT
from tests.chaos.processes import Work, marked, words_of, works_of
from tests.servers import Postgres
from workers.broker import EmbeddedBroker
from workers.jobs import JobStore, open_store
from workers.settings import Settings
from workers.tether import tethered

MARK = "CHAOS_RUN"  # in the environment of every process of a run, the children's too
SITE = Path(__file__).parent / "site"
PATIENCE = 3.0
WORKER = (sys.executable, "-m", "workers", "--log-level", "warning")


class Deployment:
    """Starts everything on entry, restarts what ends, and ends everything on exit.

    Args:
        home: root of all that it writes.
        workers: how many.
        lease_seconds: None takes the product's own times.
    """

    def __init__(self, home: Path, workers: int, lease_seconds: float | None) -> None:
        self.home = home
        self.mark = secrets.token_hex(8)
        self._wanted = workers
        self._lease_seconds = lease_seconds
        self._stack = ExitStack()
        self._frozen: dict[int, float] = {}
        self.workers: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        with self._stack:
            os.environ[MARK] = self.mark
            self.postgres = self._stack.enter_context(Postgres())
            self.broker = self._stack.enter_context(EmbeddedBroker(self.home / "broker"))
            self.settings = self._settings()
            self.store: JobStore = open_store(self.settings)
            self._stack.callback(self.store.engine.dispose)
            self._log = self._stack.enter_context((self.home / "log").open("ab"))
            self._stack.callback(self._end_workers)
            self.service = self._serve()
            self._stack.callback(self._end, self.service)
            stdout: IO[bytes] = self._stack.enter_context(self.service.stdout)  # type: ignore[arg-type]
            url = stdout.readline().decode().split()[2]
            self.http = self._stack.enter_context(httpx.Client(base_url=url, timeout=PATIENCE))
            self.keep()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def keep(self) -> None:
        """Start the workers that are missing, and let those wake up whose time has come."""
        for pid, until in list(self._frozen.items()):
            if time.monotonic() >= until:
                self._wake(pid)
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) < self._wanted:
            self.workers.append(self._run(*WORKER))

    def freeze(self, worker: subprocess.Popen[bytes], seconds: float) -> None:
        """Stop a worker in its tracks for so long."""
        worker.send_signal(signal.SIGSTOP)
        self._frozen[worker.pid] = time.monotonic() + seconds

    def wake_all(self) -> None:
        """End every freeze."""
        for pid in list(self._frozen):
            self._wake(pid)

    def at_work(self) -> list[Work]:
        """The jobs' processes whose workers are awake."""
        awake = [w for w in self.workers if w.poll() is None and w.pid not in self._frozen]
        return [work for worker in awake for work in works_of(worker)]

    def api(self) -> psutil.Process | None:
        """The process that answers requests, if it is there."""
        children = psutil.Process(self.service.pid).children()
        return next((c for c in children if "app.cli.work.api" in words_of(c)), None)

    def checkpoint(self, job_id: str) -> int:
        """How many steps a job's checkpoint holds."""
        with contextlib.suppress(OSError):
            file = self.settings.workspace.jobs / job_id / CHECKPOINT
            return int(json.loads(file.read_text())["done"])
        return 0

    def left_behind(self, word: str = "") -> list[str]:
        """The command lines, with this word, of the processes of this run other than this one."""
        lines = [" ".join(words_of(p)) for p in marked(MARK, self.mark) if p.pid != os.getpid()]
        return [line for line in lines if line and word in line]

    def _settings(self) -> Settings:
        times = {}
        if (lease := self._lease_seconds) is not None:
            times = {"lease_seconds": lease, "heartbeat_seconds": lease / 5}
            times |= {"reconcile_seconds": lease / 5, "ring_seconds": lease, "grace_seconds": lease}
        return Settings.load(
            home=self.home,
            data_dirs=(self.home,),
            database_url=self.postgres.url,
            redis_url=self.broker.url,
            **times,
        )

    def _environment(self) -> dict[str, str]:
        kept = {name: v for name, v in os.environ.items() if not name.startswith("CANFUSE_")}
        given = json.loads(self.settings.model_dump_json())
        plain = {n: v for n, v in given.items() if isinstance(v, str | int | float)}
        paths = [str(SITE), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {
            **kept,
            **{f"CANFUSE_{name.upper()}": str(value) for name, value in plain.items()},
            "CANFUSE_DATA_DIRS": str(self.home),
            "CANFUSE_PORT": "0",
            "PYTHONPATH": os.pathsep.join(paths),
            "OMP_NUM_THREADS": "1",
        }

    def _run(self, *command: str, stdout: int | None = None) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            tethered(command),
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=stdout or self._log,
            stderr=self._log,
        )

    def _serve(self) -> subprocess.Popen[bytes]:
        command = (sys.executable, "-m", "app.cli", "up", "--no-worker", "--quiet")
        return self._run(*command, stdout=subprocess.PIPE)

    def _wake(self, pid: int) -> None:
        del self._frozen[pid]
        for worker in self.workers:
            if worker.pid == pid:
                worker.send_signal(signal.SIGCONT)

    def _end_workers(self) -> None:
        self.wake_all()
        for worker in self.workers:
            worker.send_signal(signal.SIGTERM)
        for worker in self.workers:
            self._end(worker)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.terminate()
        try:
            process.wait(3 * self.settings.grace_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
