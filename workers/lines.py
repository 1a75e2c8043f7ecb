"""What a job's process says, line by line, as data that every database takes."""

from __future__ import annotations

import json
import math
from typing import Any

LONGEST_LINE = 8 * 1024 * 1024  # a result may be a whole comparison
LONGEST_TEXT = 2_000

Data = dict[str, Any]

_RESULT_BEGINS = b'{"event": "result"'
_TOO_LONG = {
    "type": "result-too-long",
    "detail": f"The job's result has more than {LONGEST_LINE} bytes.",
    "hint": "Have the job write it into a file of its folder `artifacts` instead.",
}


def parse(line: bytes) -> Data:
    """A line as an event; what is none becomes a log line."""
    if line.startswith(_RESULT_BEGINS) and len(line) >= LONGEST_LINE and line[-1:] != b"\n":
        return {"event": "error", "error": _TOO_LONG}
    try:
        data = json.loads(line, parse_constant=lambda _: None, parse_float=_finite)
    except (ValueError, RecursionError):
        data = None
    if isinstance(data, dict) and isinstance(data.get("event"), str):
        cleaned: Data = _clean(data)
        return cleaned
    return log(bounded_text(line.decode(errors="replace").strip()), "info")


def _clean(value: Any) -> Any:
    """Without halves of surrogate pairs: names of files may have them, no encoding takes them."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    return value


def _finite(text: str) -> float | None:
    """JSON has neither NaN nor infinity, also none that is spelt 1e999: null instead."""
    return number if math.isfinite(number := float(text)) else None


def log(message: str, level: str) -> Data:
    """A log event."""
    return {"event": "log", "level": level, "message": message}


def bounded_text(value: Any, longest: int = LONGEST_TEXT) -> str:
    """Bounded text that every database takes: without NUL and halves of surrogate pairs."""
    text = str(value if value is not None else "").replace("\x00", "\ufffd")[:longest]
    return str(_clean(text))
