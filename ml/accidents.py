"""What a run breaks on without meaning to, in words that a user can act on."""

from __future__ import annotations

import contextlib
import errno
import sys
import traceback
from typing import Any

from ml.errors import CanfuseError, DiskFull, OutOfMemory

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def accident(error: Exception) -> dict[str, Any]:
    """The error to report for an exception that no pipeline expects; its trace goes to the log."""
    # The log may be on the very disk that is full.
    with contextlib.suppress(OSError):
        traceback.print_exception(error, file=sys.stderr)
    if (known := _known(error)) is not None:
        return known.to_dict()
    return {
        "type": "crash",
        "detail": f"{type(error).__name__}: {error}",
        "hint": "See the job's log.",
    }


def _known(error: Exception) -> CanfuseError | None:
    if is_disk_full(error):
        return disk_full(error)
    if is_out_of_memory(error):
        return OutOfMemory(
            f"There was not enough memory: {error}".rstrip(": "),
            "Use smaller batches or fewer captures, or a machine with more memory.",
        )
    return None


def is_disk_full(error: Exception) -> bool:
    """Whether there was no room left to write."""
    return isinstance(error, OSError) and error.errno in _NO_ROOM


def disk_full(error: Exception) -> DiskFull:
    """The error of a disk that is full."""
    return DiskFull(
        f"There is no room left to write: {error}", "Free some space, then submit the job again."
    )


def is_out_of_memory(error: Exception) -> bool:
    """Whether the interpreter, or torch on the CPU or a GPU, could not get its memory."""
    # By name, since torch must not be loaded only to ask: it names its own error so.
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))
    )
