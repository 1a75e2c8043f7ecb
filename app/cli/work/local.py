"""Runs a job kind in this process."""

from __future__ import annotations

import json
import secrets
import shutil
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
from app.cli.work.holding import hold
from ml.context import Context, Workspace
from ml.errors import InvalidInput, NotFound
from ml.files import write_atomically
from ml.pipelines.registry import Pipeline, pipeline
from ml.pipelines.training import TASK

CONFIG = "config.json"
LOCK = "lock"
# What a run writes before it does anything.
_NOTES = {CONFIG, LOCK, TASK}


def new_workdir(workspace: Workspace, kind: str) -> Path:
    """A name for the folder of a new run; names sort by age."""
    now = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    return workspace.jobs / f"{kind}-{now}-{secrets.token_hex(2)}"


def run_once(kind: str, config: Any, workspace: Workspace) -> dict[str, Any]:
    """Run a pipeline that leaves nothing in its folder, see `run_here`."""
    workdir = new_workdir(workspace, kind)
    try:
        return run_here(kind, config, workspace, workdir)
    finally:
        shutil.rmtree(workdir, ignore_errors=True)


def run_here(kind: str, config: Any, workspace: Workspace, workdir: Path) -> dict[str, Any]:
    """Run a pipeline to its end, with a progress bar; Ctrl-C cancels it, twice aborts it.

    Nothing that libraries print gets onto standard output. A new run that turns out to be
    impossible before anything was done leaves no folder behind.

    Raises:
        CanfuseError: the pipeline's own, `Cancelled` after Ctrl-C.
    """
    job = pipeline(kind)
    _trust_working_folder()
    job.check(config, workspace, True)
    new = not workdir.exists()
    try:
        return _run(job, config, workspace, workdir)
    except (InvalidInput, NotFound):
        if new and _holds_no_work(workdir):
            shutil.rmtree(workdir, ignore_errors=True)
        raise


def _trust_working_folder() -> None:
    """Let a reward be a function in a module of the folder that the user stands in."""
    # At the end: a file there must not take the place of a library's.
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)


def _holds_no_work(workdir: Path) -> bool:
    files = {path.name for path in workdir.rglob("*") if path.is_file()}
    return files <= _NOTES


def _run(job: Pipeline, config: Any, workspace: Workspace, workdir: Path) -> dict[str, Any]:
    cancelled = Event()
    with (
        # Two runs in one set of checkpoints would spoil them.
        hold(workdir, LOCK, "Another run"),
        _interruptible(cancelled),
        redirect_stdout(sys.stderr),
        progress(job.name) as bar,
    ):
        plain = TypeAdapter(job.config).dump_python(config, mode="json")
        write_atomically(workdir / CONFIG, json.dumps(plain, indent=1).encode())
        return job.run(config, Context(workdir, workspace, bar.event, cancelled, trusted=True))


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
