"""Runs a job kind in this process."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import datetime
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Any

from pydantic import TypeAdapter

from app.cli.progress import progress
from app.cli.terminal import warn
from ml.errors import Conflict, Unavailable
from ml.files import write_atomically
from ml.pipelines.context import Context, Workspace
from ml.pipelines.registry import pipeline

CONFIG = "config.json"


def new_workdir(workspace: Workspace, kind: str) -> Path:
    """A name for the folder of a new run; names sort by age."""
    now = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    return workspace.jobs / f"{kind}-{now}-{secrets.token_hex(2)}"


def run_here(kind: str, config: Any, workspace: Workspace, workdir: Path) -> dict[str, Any]:
    """Run a pipeline to its end, with a progress bar; Ctrl-C cancels it, twice aborts it.

    Nothing that libraries print gets onto standard output.

    Raises:
        CanfuseError: the pipeline's own, `Cancelled` after Ctrl-C.
    """
    job = pipeline(kind)
    job.check(config, workspace, True)
    cancelled = Event()
    with (
        _taken(workdir),
        _interruptible(cancelled),
        redirect_stdout(sys.stderr),
        progress(kind) as bar,
    ):
        plain = TypeAdapter(job.config).dump_python(config, mode="json")
        write_atomically(workdir / CONFIG, json.dumps(plain, indent=1).encode())
        return job.run(config, Context(workdir, workspace, bar.event, cancelled, trusted=True))


@contextmanager
def _taken(workdir: Path) -> Iterator[None]:
    """Hold the run's folder: two runs in one set of checkpoints would spoil them."""
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(workdir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Unavailable(
            f"{workdir} cannot be written: {error.strerror}.", "Choose another folder with --home."
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise Conflict(
            f"Another run works in {workdir}.", "Wait for its end, or cancel it."
        ) from error
    finally:
        os.close(descriptor)


@contextmanager
def _interruptible(cancelled: Event) -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        if cancelled.is_set():
            raise KeyboardInterrupt
        cancelled.set()
        warn("Stopping; what is done so far is kept. Ctrl-C again aborts at once.")

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
