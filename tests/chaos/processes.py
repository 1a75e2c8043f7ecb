"""The processes of this machine, as a chaos run looks at them; any of them may end meanwhile."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Work:
    """A job's process at work, and the worker above it."""

    worker: subprocess.Popen[bytes]
    child: psutil.Process
    job_id: str


def works_of(worker: subprocess.Popen[bytes]) -> Iterator[Work]:
    """What a worker has at work."""
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(worker.pid).children():
            words = words_of(child)
            if "ml.pipelines" in words and "--workdir" in words:
                yield Work(worker, child, Path(words[words.index("--workdir") + 1]).name)


def words_of(process: psutil.Process) -> list[str]:
    """The command line of a process, empty where it has gone."""
    with contextlib.suppress(psutil.Error):
        return process.cmdline()
    return []


def marked(variable: str, value: str) -> Iterator[psutil.Process]:
    """The processes that have this value of a variable in their environment."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(variable) == value:
                yield process
