"""What is said, and where: results on standard output, everything else on standard error."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rich.console import Console, RenderableType
from rich.table import Table

from ml.files import write_atomically

# A pipe has no width; tables should not be squeezed for one that is guessed.
PIPE_WIDTH = 160


@dataclass
class Manner:
    """How this run talks.

    Attributes:
        quiet: nothing but results and errors.
        debug: errors come with their traceback.
    """

    quiet: bool = False
    debug: bool = False


manner = Manner()


@cache
def _console(stderr: bool, width: int | None) -> Console:
    # Names and messages may hold what looks like markup: it is shown, not obeyed.
    return Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)


def errors() -> Console:
    """Standard error."""
    return _console(True, _width(sys.stderr.isatty()))


def show(what: RenderableType) -> None:
    """Print a result, a table say, to standard output."""
    _console(False, _width(sys.stdout.isatty())).print(what)


def write(text: str, output: Path | None = None) -> None:
    """Put plain text into a file, whole or not at all, or on standard output as it is."""
    if output is None:
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        write_atomically(output, text.encode())
        note(f"Written to {output}.")


def say(line: str) -> None:
    """Print one line of the result, however long."""
    _console(False, None).print(line, soft_wrap=True)


def note(line: str, style: str = "dim") -> None:
    """Tell something by the way; not in quiet mode."""
    if not manner.quiet:
        errors().print(line, style=style, soft_wrap=True)


def warn(line: str) -> None:
    """Tell what needs attention, in quiet mode too."""
    errors().print(line, style="yellow", soft_wrap=True)


def table(*columns: str, title: str | None = None, numbers: int = 0) -> Table:
    """An empty table; its last `numbers` columns are aligned to the right."""
    made = Table(
        title=title, title_justify="left", title_style="bold", header_style="dim", box=None
    )
    for place, column in enumerate(columns):
        right = place >= len(columns) - numbers
        made.add_column(column, justify="right" if right else "left", no_wrap=right)
    return made


def _width(is_terminal: bool) -> int | None:
    return None if is_terminal or "COLUMNS" in os.environ else PIPE_WIDTH
