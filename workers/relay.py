"""Turns what a job's process says into events: not too many, not too long, with an estimated end.

Progress is coalesced, the rest has an allowance that refills, and what exceeds it is counted and
said. However much a process chatters, the database grows slowly.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from workers.lines import Data, bounded_text, log, parse

LONGEST_EVENT = 16 * 1024
LONGEST_PHASE = 128
BURST = 100
PER_SECOND = 10.0


class Relay:
    """Collects one attempt's lines until they are drained. Safe for one writer and one reader.

    Attributes:
        result: what the pipeline returned, once it said so.
        error: what it refused or broke on, once it said so.
        phase: what it does now, once it said so.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.result: Data | None = None
        self.error: Data | None = None
        self.phase: str | None = None
        self._clock = clock
        self._lock = threading.Lock()
        self._events: list[Data] = []
        self._progress: Data | None = None
        self._first: tuple[float, float] | None = None
        self._allowance = float(BURST)
        self._refilled = clock()
        self._dropped = 0

    def take(self, line: bytes) -> None:
        """Take one line of the process's standard output."""
        data = parse(line)
        with self._lock:
            self._sort_in(data, len(line))

    def drain(self) -> tuple[list[Data], Data]:
        """The events to append now, and the columns of the job that they change."""
        with self._lock:
            events, self._events = self._events, []
            progress, self._progress = self._progress, None
            dropped, self._dropped = self._dropped, 0
        if dropped:
            events.append(log(f"{dropped} events were left out: the job says too much.", "warning"))
        if progress is None:
            return events, {}
        return [*events, progress], {
            k: progress.get(k) for k in ("phase", "fraction", "message", "eta_seconds")
        }

    def _sort_in(self, data: Data, size: int) -> None:
        match data.get("event"):
            case "result":
                self.result = _as_dict(data.get("result"))
            case "error":
                self.error = _as_dict(data.get("error"))
            case "progress":
                self._progress = self._with_estimate(data)
            case _ if size > LONGEST_EVENT or not self._allowed():
                self._dropped += 1
            case _:
                self._events.append(data)

    def _allowed(self) -> bool:
        now = self._clock()
        refill = (now - self._refilled) * PER_SECOND
        self._allowance = min(BURST, self._allowance + refill)
        self._refilled = now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True

    def _with_estimate(self, data: Data) -> Data:
        """Bounded progress, with the seconds that the rest takes at the pace of this attempt."""
        fraction = _fraction(data.get("fraction"))
        now = self._clock()
        # An attempt that resumes starts at the fraction where the one before stopped.
        if self._first is None:
            self._first = (now, fraction)
        began, start = self._first
        gained = fraction - start
        eta = (now - began) * (1 - fraction) / gained if gained > 0 else None
        phase = self.phase = bounded_text(data.get("phase"), LONGEST_PHASE)
        message = bounded_text(data.get("message"))
        estimate = None if eta is None else round(eta, 1)
        return {
            "event": "progress",
            "phase": phase,
            "message": message,
            "fraction": fraction,
            "eta_seconds": estimate,
        }


def _as_dict(value: Any) -> Data:
    return value if isinstance(value, dict) else {"value": value}


def _fraction(value: Any) -> float:
    # Bounded first: JSON's integers may be too large for a float.
    return float(min(max(value, 0), 1)) if isinstance(value, int | float) else 0.0
