"""The text formats: how a line of each looks, columnar and, where one is bad, by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from re import Pattern

import polars as pl

from ml.can.readers.fields import time_problem

LineCheck = Callable[[dict[str, str]], str | None]


@dataclass(frozen=True)
class TextFormat:
    """A log format of one frame a line.

    Attributes:
        name: stable short name, as in `ReadReport.format`.
        shape: how a line looks, for messages.
        pattern: Polars regular expression of a good line; its named groups become columns. Where
            each next character allows only one way to go on, it runs at twice the speed.
        header: matches the format's header line, where it has one.
        rare: the same for lines that the fast pattern leaves out, where there are such.
        signature: the shape of a stripped line, however bad its fields are; the groups that
            `problem` takes. It must not backtrack much: it meets lines made to provoke that.
        refine: from the pattern's groups to the columns that `fields.decode` takes, plus `channel`
            where the format names the interface.
        problem: names what is wrong with a line, given the signature's groups; None if nothing.
    """

    name: str
    shape: str
    pattern: str
    signature: Pattern[str]
    refine: Callable[[pl.DataFrame], pl.DataFrame]
    problem: LineCheck
    header: Pattern[str] | None = None
    rare: str | None = None

    def accepted(self, lines: Sequence[str]) -> list[bool]:
        """Which of these are good lines, or the header."""
        # By Polars, which takes time in proportion to a line's length; Python's patterns backtrack.
        column = pl.Series(lines, dtype=pl.String)
        good = column.str.contains(self.pattern)
        if self.rare:
            good |= column.str.contains(self.rare)
        return [fits or self.is_header(line) for line, fits in zip(lines, good, strict=True)]

    def extract(self, lines: pl.Series) -> pl.DataFrame:
        """The groups of each line; all null where a line is not good."""
        groups = lines.str.extract_groups(self.pattern).struct.unnest()
        missed = groups["time"].is_null()
        if self.rare is None or not missed.any():
            return groups
        rare = lines.filter(missed).str.extract_groups(self.rare).struct.unnest()
        order = pl.concat([(~missed).arg_true(), missed.arg_true()])
        return pl.concat([groups.filter(~missed), rare])[order.arg_sort()]

    def resembles(self, line: str) -> bool:
        """Whether this has the shape of a line and a good timestamp."""
        groups = self.split(line)
        return groups is not None and time_problem(groups["time"]) is None

    def split(self, line: str) -> dict[str, str] | None:
        """The fields of a line, stripped, "" where one is absent; None without the shape."""
        match = self.signature.match(line.strip())
        return match and {name: text.strip() for name, text in match.groupdict("").items()}

    def is_header(self, line: str) -> bool:
        """Whether this is the header line of the format."""
        return self.header is not None and bool(self.header.match(line.strip()))
