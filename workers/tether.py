"""Runs a program that does not outlive the one who started it: `python tether.py PARENT PROGRAM …`.

The kernel is asked to kill the program when its parent dies, even by SIGKILL. The wish survives
the `exec` that follows, so nothing of this module stays in memory.

The kernel watches the *thread* that started the program: start it from one that lives as long.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1


def tethered(command: Sequence[str]) -> list[str]:
    """The command line that runs a command tethered to this process."""
    # Isolated and without site packages: it starts in a few milliseconds, from any folder.
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *command]


def main() -> None:
    """Tie this process to its parent, then become the program."""
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != int(parent):
            sys.exit("The parent has gone already.")
    os.execvp(command[0], command)  # noqa: S606 - the command is our own, no shell is wanted


if __name__ == "__main__":
    main()
