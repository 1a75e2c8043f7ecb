"""Parquet and Arrow logs, in our own schema and in the layout of published captures."""

from __future__ import annotations

from typing import BinaryIO

import polars as pl

from ml.can.readers.problems import InvalidLog, Log, Tally
from ml.can.readers.tables import OWN_COLUMNS, TEXT_COLUMNS, frames_of_table


def read_columnar(source: BinaryIO, tally: Tally) -> Log:
    """Read a Parquet file or an Arrow IPC file.

    Args:
        source: the file's bytes, at their start.
        tally: takes the counts; its format says which of the two it is.

    Raises:
        InvalidLog: no such file; other columns; a bad row in strict mode; no frame at all.
    """
    return tally.finish(frames_of_table(_load(source, tally), tally))


def _load(source: BinaryIO, tally: Tally) -> pl.DataFrame:
    """The table's known columns, never more rows than allowed."""
    open_table = pl.scan_parquet if tally.format == "parquet" else pl.scan_ipc
    known = [*OWN_COLUMNS, *TEXT_COLUMNS, "label"]
    try:
        lazy = open_table(source)
        names = lazy.collect_schema().names()
        columns = [c for c in dict.fromkeys(known) if c in names] or names[:20]
        return lazy.select(columns).head(tally.max_frames + 1).collect()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise InvalidLog(
            f"{tally.name} is not a whole {tally.format} file: {reason}.",
            "It may be truncated; write or download it again.",
            file=tally.name,
        ) from error
