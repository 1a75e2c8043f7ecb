"""What work is given to work with: places, a voice, and an ear for cancellation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event as ThreadingEvent
from typing import Any

from ml.errors import Cancelled

Emit = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Workspace:
    """Where things live on disk.

    Attributes:
        home: root of all that canfuse writes.
        data_dirs: folders in which datasets are looked up by name, first match wins.
    """

    home: Path
    data_dirs: tuple[Path, ...]

    @property
    def cache(self) -> Path:
        """Prediction caches."""
        return self.home / "cache"

    @property
    def releases(self) -> Path:
        """The release store."""
        return self.home / "releases"

    @property
    def vehicles(self) -> Path:
        """The profiles of enrolled vehicles."""
        return self.home / "vehicles"

    @property
    def jobs(self) -> Path:
        """One folder a job."""
        return self.home / "jobs"


@dataclass(frozen=True)
class Context:
    """One run of a pipeline.

    Attributes:
        workdir: this job's own folder; it survives from attempt to attempt, so checkpoints
            found here are resumed from. Downloadable files go to `artifacts`.
        workspace: the shared places.
        emit: takes one event (a JSON-able dict with the key `event`).
        cancelled: set when somebody asked this run to stop.
        trusted: True on the command line, where a reward may be named by import path.
    """

    workdir: Path
    workspace: Workspace
    emit: Emit
    cancelled: ThreadingEvent = field(default_factory=ThreadingEvent)
    trusted: bool = False

    @property
    def artifacts(self) -> Path:
        """What may be downloaded."""
        return self.workdir / "artifacts"

    def progress(self, phase: str, fraction: float, message: str = "") -> None:
        """Report progress.

        Args:
            phase: short name of what is being done.
            fraction: share of the whole job that is done, 0 to 1.
            message: one line for people.

        Raises:
            Cancelled: the run was asked to stop.
        """
        self.check_cancelled()
        fraction = min(max(fraction, 0.0), 1.0)
        self.emit({"event": "progress", "phase": phase, "fraction": fraction, "message": message})

    def metrics(self, phase: str, values: dict[str, float], step: int) -> None:
        """Report measured values of a phase at an epoch; what is not finite becomes None."""
        finite = {name: value if math.isfinite(value) else None for name, value in values.items()}
        self.emit({"event": "metrics", "phase": phase, "values": finite, "step": step})

    def log(self, message: str, level: str = "info") -> None:
        """Say one line."""
        self.emit({"event": "log", "level": level, "message": message})

    def check_cancelled(self) -> None:
        """Raise `Cancelled` if the run was asked to stop."""
        if self.cancelled.is_set():
            raise Cancelled("The job was cancelled.")

    def span(self, start: float, stop: float) -> Span:
        """A part of the whole job's progress, for a step that counts 0 to 1 itself."""
        return Span(self, start, stop)


@dataclass(frozen=True)
class Span:
    """Progress from `start` to `stop` of the whole job, seen as 0 to 1."""

    context: Context
    start: float
    stop: float

    def progress(self, phase: str, fraction: float, message: str = "") -> None:
        """Report progress within this span."""
        self.context.progress(phase, self.start + (self.stop - self.start) * fraction, message)

    def span(self, start: float, stop: float) -> Span:
        """A part of this span."""
        width = self.stop - self.start
        return Span(self.context, self.start + width * start, self.start + width * stop)
