"""ASC, TRC, BLF and MF4 logs, by way of python-can's readers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import can
import polars as pl

from ml.can.frames import Flag, Frames
from ml.can.readers.blf import blf_messages
from ml.can.readers.mf4 import mf4_messages
from ml.can.readers.problems import Log, Tally
from ml.can.readers.tables import frames_of_table
from ml.can.readers.vendor_text import TEXT_READERS, text_messages
from ml.errors import Unavailable

BATCH_MESSAGES = 100_000
SCHEMA = pl.Schema(
    {
        "timestamp": pl.Float64,
        "can_id": pl.Int64,
        "flags": pl.UInt8,
        "length": pl.Int64,
        "payload": pl.Binary,
        "bus": pl.String,
    }
)
_Row = tuple[float, int, int, int, bytes, str]
_NO_ROW = (None, None, None, None, None, None)


def read_vendor(source: BinaryIO, tally: Tally) -> Log:
    """Read an ASC, TRC, BLF or MF4 log.

    Args:
        source: the log's bytes, at their start.
        tally: takes the counts; its format says which of them it is.

    Raises:
        InvalidLog: it is damaged; a bad message or a second bus in strict mode; no frame at all.
        Unavailable: the library for MF4 is not installed.
    """
    messages = _messages(source, tally.format)
    run = _Run(tally)
    while batch := list(itertools.islice(messages, BATCH_MESSAGES)):
        run.add(batch)
    return tally.finish(Frames.concat([part for part in run.parts if len(part)]))


# A message or what is wrong with it, at a line (text) or a count (binary).
_Found = tuple[int, can.Message | str]


def _messages(source: BinaryIO, kind: str) -> Iterator[_Found]:
    if kind in TEXT_READERS:
        return text_messages(source, kind)
    return _binary_messages(source, blf_messages if kind == "blf" else mf4_messages)


def _binary_messages(
    source: BinaryIO, reader: Callable[[BinaryIO], Iterator[can.Message]]
) -> Iterator[_Found]:
    """The messages, and at the end why there are no more if the file is damaged."""
    number = 0
    try:
        for number, message in enumerate(reader(source), start=1):
            yield number, message
    except Unavailable:
        raise
    except Exception as error:  # noqa: BLE001 # these parsers raise whatever they trip over
        why = str(error)[:120] or type(error).__name__
        yield number + 1, f"the file is damaged from here on ({why})"


@dataclass
class _Run:
    """Collects the frames of one bus, batch by batch."""

    tally: Tally
    bus: str | None = None
    parts: list[Frames] = field(default_factory=list)

    def add(self, batch: list[_Found]) -> None:
        known = {i: m for i, (_, m) in enumerate(batch) if isinstance(m, str)}
        rows = [_NO_ROW if isinstance(m, str) else _row(m) for _, m in batch]
        table = pl.DataFrame(rows, schema=SCHEMA, orient="row")
        if self.bus is None and table["bus"].count():
            self.bus = str(table["bus"].drop_nulls().mode().sort()[0])
        same = table["bus"] == (self.bus or "")
        for i in (~same).arg_true().head(self.tally.wants_reasons):
            known[i] = f"the frame is from bus {table['bus'][i]}, the log is of {self.bus}"
        own = table.with_columns(can_id=pl.when(same).then(pl.col("can_id"))).drop("bus")
        lines = [line for line, _ in batch]
        self.parts.append(frames_of_table(own, self.tally, lines=lines, known=known))


def _row(message: Any) -> _Row:
    error, remote = message.is_error_frame, message.is_remote_frame
    flags = (
        (Flag.EXTENDED if message.is_extended_id and not error else 0)
        | (Flag.REMOTE if remote else 0)
        | (Flag.ERROR if error else 0)
        | (Flag.FD if message.is_fd else 0)
    )
    data = b"" if remote else bytes(message.data)
    length = message.dlc if remote else max(message.dlc, len(data))
    return message.timestamp, message.arbitration_id, int(flags), length, data, str(message.channel)
