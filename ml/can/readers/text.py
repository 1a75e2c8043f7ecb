"""Reads any text format block by block, columnar; only bad lines are ever looked at one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.can.frames import Frames
from ml.can.readers.can_train_and_test import CAN_TRAIN_AND_TEST
from ml.can.readers.candump import CANDUMP, CANDUMP_PADDED
from ml.can.readers.fields import decode
from ml.can.readers.formats import TextFormat
from ml.can.readers.hcrl import HCRL_CSV, HCRL_TEXT
from ml.can.readers.problems import InvalidLog, Log, Tally

TEXT_FORMATS = (CANDUMP, CANDUMP_PADDED, HCRL_TEXT, CAN_TRAIN_AND_TEST, HCRL_CSV)
BLOCK_BYTES = 16 * 2**20
MAX_LINE_CHARS = 1024
BOM = b"\xef\xbb\xbf"


def read_text(source: BinaryIO, fmt: TextFormat, tally: Tally) -> Log:
    """Read a text log.

    Args:
        source: the log's bytes, at their start.
        fmt: its format.
        tally: takes the counts; decides what a bad line means.

    Raises:
        InvalidLog: a bad line in strict mode; a line without end; no frame at all.
    """
    run = _Run(fmt, tally)
    parts = [run.parse(block) for block in _blocks(source, tally.name)]
    return tally.finish(_joined(parts))


def matching_format(line: str) -> TextFormat | None:
    """The format that this line is good in, else the one that it comes nearest to, if any."""
    return next((f for f in TEXT_FORMATS if any(f.accepted([line]))), None) or next(
        (f for f in TEXT_FORMATS if f.resembles(line)), None
    )


def _blocks(source: BinaryIO, name: str) -> Iterator[bytes]:
    """Blocks of whole lines."""
    rest = source.read(len(BOM))
    rest = b"" if rest == BOM else rest
    while block := source.read(BLOCK_BYTES):
        end = block.rfind(b"\n") + 1
        if end:
            yield rest + block[:end]
            rest = block[end:]
        else:
            rest += block
        if len(rest) > BLOCK_BYTES:
            raise InvalidLog(f"{name} has a line of over {BLOCK_BYTES} bytes.", "Give a CAN log.")
    yield rest


def _lines(block: bytes) -> pl.Series:
    text = block if block.isascii() else block.decode("utf-8", "replace").encode()
    return pl.read_lines(text, name="line").to_series()


def _joined(parts: list[Frames]) -> Frames:
    return Frames.concat([p for p in parts if len(p)])


@dataclass
class _Run:
    """One log being read.

    Attributes:
        read: lines consumed so far.
        channel: the interface that the log is of, where its format names one.
        marked: whether its lines carry a label; None before the first one.
    """

    fmt: TextFormat
    tally: Tally
    read: int = 0
    channel: str | None = None
    marked: bool | None = None

    def parse(self, block: bytes) -> Frames:
        """The frames of a block of whole lines."""
        if not block:
            return Frames.empty()
        lines = _lines(block)
        groups = self.fmt.extract(lines)
        matched = groups["time"].is_not_null()
        rows = np.flatnonzero(matched.to_numpy())
        whole = groups if len(rows) == len(lines) else groups.filter(matched)
        frames, good = decode(self._alike(self.fmt.refine(whole)))
        bad = np.ones(len(lines), np.bool_)
        bad[rows[good]] = False
        self._note(lines, bad)
        self.read += len(lines)
        return frames

    def _alike(self, fields: pl.DataFrame) -> pl.DataFrame:
        """Spoil the id of lines of another bus, and of those that alone have or lack a label."""
        if fields.is_empty():
            return fields
        alike = []
        if "channel" in fields.columns:
            self.channel = self.channel or str(fields["channel"].mode().sort()[0])
            alike.append(pl.col("channel") == self.channel)
        if "label" in fields.columns:
            self.marked = fields["label"][0] is not None if self.marked is None else self.marked
            alike.append(pl.col("label").is_not_null() == self.marked)
        if not alike:
            return fields
        spoilt = fields.with_columns(pl.when(pl.all_horizontal(alike)).then(pl.col("id")))
        return spoilt if self.marked else spoilt.drop("label", strict=False)

    def _note(self, lines: pl.Series, bad: NDArray[np.bool_]) -> None:
        """Tell the tally about the bad lines; blank lines and the header are none."""
        suspects = np.flatnonzero(bad)
        # All that Python calls space, which is what the rest of the reading means by blank.
        idle = ~lines.gather(suspects).str.contains(r"[^\s\x1c-\x1f]").to_numpy()
        if len(suspects) and self.read + suspects[0] == 0:
            idle[0] |= self.fmt.is_header(lines[0])
        self.tally.count(len(lines) - int(idle.sum()))
        if len(bad_lines := suspects[~idle]):
            shown = bad_lines[: self.tally.wants_reasons]
            reasons = [(self.read + int(i) + 1, self._reason(lines[int(i)])) for i in shown]
            self.tally.drop(len(bad_lines), reasons)

    def _reason(self, line: str) -> str:
        if len(line) > MAX_LINE_CHARS:
            return f"the line is longer than {MAX_LINE_CHARS} characters"
        groups = self.fmt.split(line)
        if groups is None:
            other = matching_format(line)
            looks = f"the line looks like {other.name}" if other else f"the line is {line[:60]!r}"
            return f"{looks}, expected {self.fmt.shape}"
        return self.fmt.problem(groups) or self._unlike(groups) or f"expected {self.fmt.shape}"

    def _unlike(self, groups: dict[str, str]) -> str | None:
        channel, mark = groups.get("channel"), groups.get("mark", "")
        if channel and self.channel and channel != self.channel:
            return (
                f"the frame is from {channel}, the log is of {self.channel}: a capture is one bus"
            )
        if "mark" in groups and self.marked is not None and bool(mark) != self.marked:
            return f"the mark R or T is {'missing' if self.marked else 'new'} here"
        return None
