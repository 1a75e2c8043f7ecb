"""Shows how far long work has come: a bar on a terminal, a line a phase elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column

from app.cli.terminal import errors, manner, note, warn

Event = Mapping[str, Any]


class Reporter:
    """Takes the events of a run, as a pipeline emits them or a service streams them."""

    def __init__(self) -> None:
        self._phase = ""

    def event(self, event: Event) -> None:
        """Show one event; those of other kinds are passed over."""
        if event["event"] == "progress":
            self.advance(event["fraction"], event.get("phase", ""), event.get("message", ""))
        elif event["event"] == "log":
            (warn if event.get("level") in ("warning", "error") else note)(event["message"])
        elif event["event"] == "state":
            self.state(event["status"])
        elif event["event"] == "metrics":
            self.figures(event["values"])

    def advance(self, fraction: float, phase: str, message: str = "") -> None:
        """Show the share that is done."""
        del message
        if phase != self._phase:
            note(f"{fraction:4.0%}  {phase}")
        self._phase = phase

    def state(self, status: str) -> None:
        """Show where a job stands."""

    def figures(self, values: Mapping[str, float | None]) -> None:
        """Show measured values; None is one that is undefined."""


class Bar(Reporter):
    """The same on a terminal."""

    def __init__(self, progress: Progress, title: str) -> None:
        super().__init__()
        self._progress = progress
        self._task = progress.add_task(title, total=1.0, message="")

    def advance(self, fraction: float, phase: str, message: str = "") -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=fraction, description=phase, message=message)

    def state(self, status: str) -> None:
        """Show where a job stands before the bar."""
        self._progress.update(self._task, description=status)

    def figures(self, values: Mapping[str, float | None]) -> None:
        """Show measured values beside the bar."""
        shown = "  ".join(
            f"{name} {'n/a' if value is None else f'{value:.4g}'}"
            for name, value in sorted(values.items())[:4]
        )
        self._progress.update(self._task, message=shown)


@contextmanager
def progress(title: str) -> Iterator[Reporter]:
    """Show the progress of what is done within."""
    if manner.quiet or not sys.stderr.isatty():
        yield Reporter()
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn(
            "{task.fields[message]}",
            style="dim",
            markup=False,
            table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"),
        ),
    )
    with Progress(*columns, console=errors(), transient=True, expand=True) as shown:
        yield Bar(shown, title)
