"""The text formats: how a line of each looks, columnar and, where one is bad, by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from re import Pattern

import polars as pl

LineCheck = Callable[[dict[str, str]], str | None]


@dataclass(frozen=True)
class TextFormat:
    """A log format of one frame a line.

    Attributes:
        name: stable short name, as in `ReadReport.format`.
        shape: how a line looks, for messages.
        pattern: Polars regular expression of a good line; its named groups become columns.
        signature: matches the lines of this format and of no other, however bad a field is.
        refine: from the pattern's groups to the columns that `fields.decode` takes, plus `channel`
            where the format names the interface.
        problem: names what is wrong with a line, given the signature's groups; None if nothing.
        header: matches the format's header line, where it has one.
    """

    name: str
    shape: str
    pattern: str
    signature: Pattern[str]
    refine: Callable[[pl.DataFrame], pl.DataFrame]
    problem: LineCheck
    header: Pattern[str] | None = None
