"""The processes that the service consists of, kept alive."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ml.errors import EXIT_REFUSED, Unavailable
from workers.tether import tethered

SHORT_LIFE_SECONDS = 30.0
MOST_SHORT_LIVES = 5
LONGEST_PAUSE_SECONDS = 30.0


class Child:
    """A process that is started again when it ends unasked, a little later each time.

    Its standard output is a pipe to us, whose end tells that it has ended. It has a session of its
    own, so that Ctrl-C reaches it through us, and dies with us even when we are killed.

    Attributes:
        name: what messages call it.
        due: when it is to be started again, on the monotonic clock; None while it runs.
        proven: whether it has worked before, so that what ails it now will pass.
        leaving: whether it was asked to go for good.

    Args:
        name: what messages call it.
        command: its program and arguments.
        environment: its environment variables.
        descriptors: those of ours that it inherits.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        descriptors: Sequence[int] = (),
    ) -> None:
        self.name = name
        self.due: float | None = 0.0
        self.proven = False
        self.leaving = False
        self._command = list(command)
        self._environment = dict(environment)
        self._descriptors = tuple(descriptors)
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0.0
        self._short_lives = 0
        self._heard = b""

    def successor(self) -> Child:
        """One like it that is to be started."""
        return Child(self.name, self._command, self._environment, self._descriptors)

    def start(self) -> int:
        """Start it and return the descriptor of its standard output."""
        self._process = subprocess.Popen(  # noqa: S603 - a program of our own, no shell
            tethered(self._command),
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
            pass_fds=self._descriptors,
        )
        self.due, self._began, self._heard = None, time.monotonic(), b""
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        return self._process.stdout.fileno()

    def hear(self, descriptor: int) -> list[dict[str, Any]] | None:
        """What it has said since the last time; None once it has ended."""
        if not (data := os.read(descriptor, 65_536)):
            return None
        *lines, self._heard = (self._heard + data).split(b"\n")
        return [fact for line in lines if (fact := _fact(line))]

    def bury(self) -> str:
        """Take note of its end and set the time of its next start.

        Returns:
            how it ended.

        Raises:
            Unavailable: it has never worked, and refuses to or ends again and again.
        """
        code = self.close()
        how = (
            f"was killed by {signal.Signals(-code).name}"
            if code < 0
            else f"ended with exit code {code}"
        )
        lived_long = time.monotonic() - self._began >= SHORT_LIFE_SECONDS
        self._short_lives = 1 if lived_long else self._short_lives + 1
        self.proven |= lived_long
        if not self.proven and (code == EXIT_REFUSED or self._short_lives > MOST_SHORT_LIVES):
            often = f", {self._short_lives} times in a row" if self._short_lives > 1 else ""
            raise Unavailable(f"The {self.name} {how}{often}.", "Its messages above say why.")
        pause = min(2.0 ** (self._short_lives - 1), LONGEST_PAUSE_SECONDS)
        self.due = time.monotonic() + pause
        return how

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def wait_until(self, deadline: float) -> None:
        """Wait for its end; kill it at the deadline."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
        self.close()

    def close(self) -> int:
        """Collect the process, which has ended, and give its exit code (negative: the signal)."""
        assert self._process is not None  # noqa: S101 - it was started
        code = self._process.wait()
        if self._process.stdout is not None:
            with contextlib.suppress(OSError):
                self._process.stdout.close()
        return code


def _fact(line: bytes) -> dict[str, Any] | None:
    try:
        fact = json.loads(line)
    except ValueError:
        return None
    return fact if isinstance(fact, dict) else None
