"""The embedded broker: a real Valkey or Redis server of our own, for when none is named.

It keeps its messages in an append-only file, listens on a unix socket (or on loopback with a
password where the path is too long for one), is restarted when it crashes, and dies with us.
"""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from ml.errors import Conflict, Unavailable
from workers.broker_setup import (
    address,
    answers,
    configuration,
    find_program,
    write_private,
)
from workers.locking import FolderLock
from workers.tether import tethered

START_SECONDS = 10.0
STOP_SECONDS = 10.0
DYING_SECONDS = 1.0
_POLL_SECONDS = 0.02


class EmbeddedBroker:
    """A broker that lives in a folder, from `start` to `stop`.

    Attributes:
        folder: holds its data, its socket, its log, and the file `url` that says where it listens.
        url: where clients connect to, in Celery's spelling.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.url = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper: threading.Thread | None = None
        self._lock: FolderLock | None = None
        self._stopping = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The server's process, while there is one."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            Conflict: another process uses the folder.
            Unavailable: there is no server program, or it does not come up.
        """
        program = find_program()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = self._take_folder()
        self.url, listen = address(self.folder)
        write_private(self.folder / "valkey.conf", configuration(self.folder, listen))
        write_private(self.folder / "url", self.url)
        self._stopping.clear()
        # The server dies with the thread that started it, so that thread is one of its own.
        self._keeper = threading.Thread(
            target=self._keep, args=(program,), name="broker", daemon=True
        )
        self._keeper.start()
        if not self._answers_within(START_SECONDS):
            self.stop()
            log = self.folder / "valkey.log"
            raise Unavailable(
                f"The embedded broker in {self.folder} does not start.", f"See {log}."
            )

    def stop(self) -> None:
        """End the server, which keeps its messages on disk. Harmless when there is none."""
        self._stopping.set()
        if (process := self._process) is not None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        if self._keeper is not None:
            self._keeper.join()
        if self._lock is not None:
            self._lock.release()
        self._process = self._keeper = self._lock = None

    def _take_folder(self) -> FolderLock:
        taken = Conflict(
            f"Another process runs a broker in {self.folder}.",
            "Stop it, or set CANFUSE_HOME to another folder.",
        )
        # A server that is just dying with its parent is given a moment.
        return FolderLock(self.folder / "lock", taken, patience=DYING_SECONDS)

    def _keep(self, program: str) -> None:
        """Start the server, and again whenever it ends unasked."""
        pause = 0.0
        while not self._stopping.wait(pause):
            self._process = subprocess.Popen(  # noqa: S603 - a program of our own choice
                tethered([program, str(self.folder / "valkey.conf")]),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                # Away from the terminal's Ctrl-C: it ends when we end it.
                start_new_session=True,
                # The folder stays taken for as long as a server writes into it.
                pass_fds=[self._lock.fileno()] if self._lock is not None else [],
            )
            if self._stopping.is_set():
                # `stop` may have looked a moment too early to see this one.
                self._process.terminate()
            self._process.wait()
            pause = 0.2

    def _answers_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not (alive := answers(self.url)) and time.monotonic() < deadline:
            self._stopping.wait(_POLL_SECONDS)
        return alive
