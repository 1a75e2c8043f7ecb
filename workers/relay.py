"""Turns what a job's process says into events: not too many, not too long, with an estimated end.

Progress is coalesced, the rest has an allowance that refills, and what exceeds it is counted and
said. However much a process chatters, the database grows slowly.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable
from typing import Any

LONGEST_LINE = 8 * 1024 * 1024  # a result may be a whole comparison
LONGEST_EVENT = 16 * 1024
LONGEST_TEXT = 2_000
LONGEST_PHASE = 128
BURST = 100
PER_SECOND = 10.0

Data = dict[str, Any]

_RESULT_BEGINS = b'{"event": "result"'
_TOO_LONG = {
    "type": "result-too-long",
    "detail": f"The job's result has more than {LONGEST_LINE} bytes.",
    "hint": "Have the job write it into a file of its folder `artifacts` instead.",
}


class Relay:
    """Collects one attempt's lines until they are drained. Safe for one writer and one reader.

    Attributes:
        result: what the pipeline returned, once it said so.
        error: what it refused or broke on, once it said so.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.result: Data | None = None
        self.error: Data | None = None
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
        if len(line) >= LONGEST_LINE and line.startswith(_RESULT_BEGINS):
            data: Data = {"event": "error", "error": _TOO_LONG}
        else:
            data = _parse(line)
        with self._lock:
            self._sort_in(data, len(line))

    def drain(self) -> tuple[list[Data], Data]:
        """The events to append now, and the columns of the job that they change."""
        with self._lock:
            events, self._events = self._events, []
            progress, self._progress = self._progress, None
            dropped, self._dropped = self._dropped, 0
        if dropped:
            events.append(
                _log(f"{dropped} events were left out: the job says too much.", "warning")
            )
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
        phase = _text(data.get("phase"), LONGEST_PHASE)
        message = _text(data.get("message"))
        estimate = None if eta is None else round(eta, 1)
        return {
            "event": "progress",
            "phase": phase,
            "message": message,
            "fraction": fraction,
            "eta_seconds": estimate,
        }


def _parse(line: bytes) -> Data:
    """A line as an event; what is none becomes a log line."""
    try:
        data = json.loads(line, parse_constant=lambda _: None, parse_float=_finite)
    except ValueError:
        data = None
    if isinstance(data, dict) and isinstance(data.get("event"), str):
        return data
    return _log(_text(line.decode(errors="replace").strip()), "info")


def _finite(text: str) -> float | None:
    """JSON has neither NaN nor infinity, also none that is spelt 1e999: null instead."""
    return number if math.isfinite(number := float(text)) else None


def _log(message: str, level: str) -> Data:
    return {"event": "log", "level": level, "message": message}


def _as_dict(value: Any) -> Data:
    return value if isinstance(value, dict) else {"value": value}


def _fraction(value: Any) -> float:
    # Bounded first: JSON's integers may be too large for a float.
    return float(min(max(value, 0), 1)) if isinstance(value, int | float) else 0.0


def _text(value: Any, longest: int = LONGEST_TEXT) -> str:
    """Bounded text that every database takes: without NUL and halves of surrogate pairs."""
    text = str(value if value is not None else "").replace("\x00", "\ufffd")[:longest]
    return text.encode(errors="replace").decode()
