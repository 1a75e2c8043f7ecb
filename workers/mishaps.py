"""The errors of jobs whose processes did not come to an end of their own."""

from __future__ import annotations

import signal
from typing import Any

from ml.accidents import disk_full, is_disk_full
from workers.outcomes import Outcome


def mishap(what: str, error: Exception) -> tuple[Outcome, dict[str, Any]]:
    """What went wrong around the process, and what that makes of the attempt."""
    if is_disk_full(error):
        # The next attempt would meet it again at once.
        return "failed", disk_full(error).to_dict()
    detail = f"{what}: {error}"
    return "lost", {"type": "crash", "detail": detail, "hint": "See the worker's log."}


def timeout(kind: str, seconds: float) -> dict[str, Any]:
    """The error of a job that took too long."""
    return {
        "type": "timeout",
        "detail": f"The attempt took longer than the {seconds:g} s that a {kind} job may take.",
        "hint": "Ask for less, or raise CANFUSE_JOB_SECONDS or CANFUSE_KIND_SECONDS.",
        "seconds": seconds,
    }


def crash(code: int, last_words: str) -> dict[str, Any]:
    """How the process ended that should not have, by its exit code (negative: the signal)."""
    facts = {"exit_code": code, "stderr": last_words, "hint": "See `stderr` for its last words."}
    if code == -signal.SIGKILL:
        facts["hint"] = "Unless somebody did that, memory ran out: the kernel's log tells."
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
