"""A job's process: `python -m ml.pipelines …` in a group of its own, on a short line to us."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ml.errors import Unavailable
from ml.telemetry.origin import to_environment
from workers.child_log import ChildLog
from workers.lines import LONGEST_LINE
from workers.locking import FolderLock
from workers.settings import Settings
from workers.tether import tethered

EXIT_OK = 0
OOM_SCORE = "500"  # of 1000, on top of the memory in use
_POLL_SECONDS = 0.02


class Child:
    """One attempt's process, started on construction.

    It ends when it is done, when it is told to, and whenever we end: by the end of its standard
    input, and by the kernel should it not listen. It ends by itself, too, when it hears nothing
    from us for as long as a lease lasts: we may be frozen, and the job somebody else's by then.

    Attributes:
        log: what it writes to standard error.

    Raises:
        Unavailable: the process of an earlier attempt still works in the folder.
    """

    def __init__(
        self, kind: str, config: Mapping[str, Any], workdir: Path, settings: Settings
    ) -> None:
        self._reaping = threading.Lock()
        busy = Unavailable("The process of an earlier attempt still works on this job.")
        # Nobody renews the lease meanwhile, so the wait must be over well before it is.
        with FolderLock(workdir / "lock", busy, patience=settings.lease_seconds / 2) as lock:
            self.log = ChildLog(workdir / "stderr.log")
            with self.log.open() as log:
                self._process = subprocess.Popen(  # noqa: S603 - our own program, no shell
                    tethered(_command(kind, _write_config(workdir, config), workdir, settings)),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=_environment(settings),
                    start_new_session=True,
                    # The folder stays taken for as long as the process lives.
                    pass_fds=[lock.fileno()],
                )
        if self._process.stdin is not None:
            # A process that does not read must not hold up those who watch over it.
            os.set_blocking(self._process.stdin.fileno(), False)
        _offer_to_kernel(self.pid)

    @property
    def pid(self) -> int:
        """The process, which leads a process group of that number."""
        return self._process.pid

    def lines(self) -> Iterator[bytes]:
        """Its standard output by lines, to the end. A line beyond all measure comes in pieces."""
        stream = self._process.stdout
        while stream is not None and (line := stream.readline(LONGEST_LINE)):
            yield line

    def ended(self) -> bool:
        """Whether the process has ended; what it left running in its group is ended then, too."""
        with self._reaping:
            if self._process.returncode is None and self._has_exited():
                # Before it is reaped, since from then on its number may be somebody else's.
                _kill_group(self.pid, signal.SIGKILL)
                self._process.wait()
            return self._process.returncode is not None

    def ask_to_stop(self) -> None:
        """Ask it to stop by itself."""
        self._tell(b"cancel\n")

    def reassure(self) -> None:
        """Tell it that its lease was renewed."""
        self._tell(b"renewed\n")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the whole group, unless that has been ended."""
        with self._reaping:
            if self._process.returncode is None:
                _kill_group(self.pid, number)

    def finish(self, seconds: float) -> int:
        """Let a process that has said all end, and give its exit code (negative: the signal)."""
        deadline = time.monotonic() + seconds
        while not self.ended() and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        return self.close()

    def close(self) -> int:
        """End whatever is left of it at once, and give the exit code."""
        self.signal(signal.SIGKILL)
        while not self.ended():
            time.sleep(_POLL_SECONDS)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        return self._process.wait()

    def _tell(self, line: bytes) -> None:
        if self._process.stdin is not None:
            with contextlib.suppress(OSError, ValueError):
                os.write(self._process.stdin.fileno(), line)

    def _has_exited(self) -> bool:
        """Whether it has exited; it is not reaped by asking."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _kill_group(leader: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, number)


def _offer_to_kernel(pid: int) -> None:
    """Where memory runs out, the kernel is to kill the work and not those who look after it."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text(OOM_SCORE)


def _command(kind: str, config: Path, workdir: Path, settings: Settings) -> list[str]:
    places: list[object] = ["--config", config, "--workdir", workdir, "--home", settings.home]
    places += ["--patience", settings.lease_seconds]
    for folder in settings.data_dirs:
        places += ["--data-dir", folder]
    return [sys.executable, "-m", "ml.pipelines", kind, *map(str, places)]


def _environment(settings: Settings) -> dict[str, str]:
    """Ours without what is none of its business, and with its share of the cores.

    The libraries read the number of threads when they are loaded, so it must be there before.
    """
    # The last two are for the neighbours in the compose file, which share our `.env`.
    private = ("CANFUSE_", "DATABASE_URL", "REDIS_URL", "POSTGRES_", "GRAFANA_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(private)}
    threads = str(settings.thread_count)
    return kept | {"OMP_NUM_THREADS": threads, "POLARS_MAX_THREADS": threads} | to_environment()


def _write_config(workdir: Path, config: Mapping[str, Any]) -> Path:
    file = workdir / "config.json"
    part = file.with_suffix(".part")
    part.write_text(json.dumps(config))
    return part.replace(file)
