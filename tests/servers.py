"""Real servers of our own for tests: in a temporary folder, and gone when we are."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Self

import psycopg

DEBIAN = Path("/usr/lib/postgresql")  # the package keeps its programs off the PATH
START_SECONDS = 60.0


def postgres_program(name: str) -> str:
    """A program of PostgreSQL's: on PATH, else the newest that Debian's package brought.

    Raises:
        LookupError: it is not installed.
    """
    installed = sorted(DEBIAN.glob(f"*/bin/{name}"), key=lambda p: float(p.parts[-3]))
    if found := shutil.which(name) or (installed and str(installed[-1])):
        return found
    raise LookupError(f"PostgreSQL's {name} is not installed")


class Postgres:
    """A PostgreSQL server on a unix socket only. It refuses to be root, so root lends it a user."""

    def __init__(self) -> None:
        programs = {name: postgres_program(name) for name in ("initdb", "postgres")}
        self.folder = Path(tempfile.mkdtemp(prefix="canfuse-pg-"))
        self._as_owner: list[str] = []
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
            self._as_owner = [
                *("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"),
                *("--pdeathsig=KILL", "--"),
            ]
        data = str(self.folder / "data")
        initialise = [programs["initdb"], "-D", data, "-U", "canfuse", "-A", "trust", "--no-sync"]
        subprocess.run(
            [*self._as_owner, *initialise], check=True, capture_output=True, cwd=self.folder
        )
        self._command = [programs["postgres"], "-D", data, "-k", str(self.folder), "-h", "", "-F"]
        self.url = f"postgresql://canfuse@/postgres?host={self.folder}"
        self._server = self._start()
        self.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def restart(self, farewell: signal.Signals) -> None:
        """End the server (SIGINT: at once, SIGQUIT: as a crash would) and start it again."""
        self._end(farewell)
        self._server = self._start()

    def wait(self) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + START_SECONDS
        pause = threading.Event()
        while not self._answers():
            assert time.monotonic() < deadline, "PostgreSQL does not answer"
            pause.wait(0.05)

    def stop(self) -> None:
        """End the server and remove what it wrote."""
        self._end(signal.SIGINT)
        shutil.rmtree(self.folder)

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*self._as_owner, *self._command],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.folder,
        )

    def _end(self, farewell: signal.Signals) -> None:
        self._server.send_signal(farewell)
        self._server.wait(START_SECONDS)

    def _answers(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(self.url).close()
            return True
        return False
