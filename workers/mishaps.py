"""The errors of jobs whose processes did not come to an end of their own."""

from __future__ import annotations

import signal
from typing import Any


def mishap(detail: str) -> dict[str, Any]:
    """What went wrong around the process."""
    return {"type": "crash", "detail": detail, "hint": "See the worker's log."}


def crash(code: int, last_words: str) -> dict[str, Any]:
    """How the process ended that should not have, by its exit code (negative: the signal)."""
    facts = {"exit_code": code, "stderr": last_words, "hint": "See `stderr` for its last words."}
    if code >= 0:
        return {
            "type": "crash",
            "detail": f"The job's process ended with exit code {code}.",
            **facts,
        }
    name = _signal_name(-code)
    return {
        "type": "crash",
        "detail": f"The job's process was killed by {name}.",
        "signal": name,
        **facts,
    }


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most real-time signals have none
        return f"signal {number}"
