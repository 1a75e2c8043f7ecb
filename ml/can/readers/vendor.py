"""ASC, TRC, BLF and MF4 logs, by way of python-can's readers."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

import can
import polars as pl

from ml.can.frames import Frames
from ml.can.readers.blf import blf_messages
from ml.can.readers.messages import message_table
from ml.can.readers.mf4 import mf4_table
from ml.can.readers.problems import Log, Tally
from ml.can.readers.tables import frames_of_table
from ml.can.readers.vendor_text import TEXT_READERS, text_messages

BATCH_MESSAGES = 100_000
# A line for each odd object: a small damaged file could fill a disk with them.
logging.getLogger("can").setLevel(logging.ERROR)


def read_vendor(source: BinaryIO, tally: Tally) -> Log:
    """Read an ASC, TRC, BLF or MF4 log.

    Args:
        source: the log's bytes, at their start.
        tally: takes the counts; its format says which of them it is.

    Raises:
        InvalidLog: it is damaged; a bad message or a second bus in strict mode; no frame at all.
        Unavailable: the library for MF4 is not installed.
    """
    run = _Run(tally)
    if tally.format == "mf4":
        _add_mf4(run, source)
    else:
        found = (
            text_messages(source, tally.format)
            if tally.format in TEXT_READERS
            else blf_log(source, tally.max_frames)
        )
        while batch := list(itertools.islice(found, BATCH_MESSAGES)):
            run.add_messages(batch)
    return tally.finish(Frames.concat([part for part in run.parts if len(part)]))


def blf_log(source: BinaryIO, max_frames: int) -> Iterator[tuple[int, can.Message | str]]:
    """The messages by number, and at the end why there are no more if the file is damaged."""
    number = 0
    try:
        for number, message in enumerate(blf_messages(source, max_frames), start=1):
            yield number, message
    except Exception as error:  # noqa: BLE001 # python-can raises whatever it trips over
        yield number + 1, _damaged(error)


def _add_mf4(run: _Run, source: BinaryIO) -> None:
    try:
        table = mf4_table(source, run.tally.max_frames)
    except ValueError as error:
        run.add_messages([(1, _damaged(error))])
    else:
        run.add(table, range(1, len(table) + 1), {})


def _damaged(error: Exception) -> str:
    return f"the file is damaged from here on ({str(error)[:120] or type(error).__name__})"


@dataclass
class _Run:
    """Collects the frames of one bus, table by table."""

    tally: Tally
    bus: str | None = None
    parts: list[Frames] = field(default_factory=list)

    def add_messages(self, batch: Sequence[tuple[int, can.Message | str]]) -> None:
        """Add messages, or what is wrong instead of one, each with its line or number."""
        known = {i: m for i, (_, m) in enumerate(batch) if isinstance(m, str)}
        self.add(message_table(m for _, m in batch), [line for line, _ in batch], known)

    def add(self, table: pl.DataFrame, lines: Sequence[int], known: dict[int, str]) -> None:
        """Add the rows of a table that are of the bus that most of the first ones are of."""
        if self.bus is None and table["bus"].count():
            self.bus = str(table["bus"].drop_nulls().mode().sort()[0])
        same = table["bus"] == (self.bus or "")
        for i in (~same).arg_true().head(self.tally.wants_reasons):
            known[i] = f"the frame is from bus {table['bus'][i]}, the log is of {self.bus}"
        own = table.with_columns(can_id=pl.when(same).then(pl.col("can_id"))).drop("bus")
        self.parts.append(frames_of_table(own, self.tally, lines=lines, known=known))
