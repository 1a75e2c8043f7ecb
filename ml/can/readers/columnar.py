"""Parquet and Arrow logs, in our own schema and in the layout of published captures.

Few packed bytes can stand for very many: rows are looked over slice by slice before all of them are
held at once, so that a file made to exhaust the memory is refused.
"""

from __future__ import annotations

from typing import BinaryIO

import polars as pl

from ml.can.readers.columnar_process import table_from_child
from ml.can.readers.problems import InvalidLog, Log, Tally, not_whole
from ml.can.readers.tables import OWN_COLUMNS, TEXT_COLUMNS, frames_of_table, unfit_types

SLICE_ROWS = 16_384
LONGEST_CELL = 256  # bytes; the longest payload is 128 hex digits
_TEXT = (pl.String, pl.Categorical, pl.Enum)


def read_columnar(source: BinaryIO, tally: Tally, rows: int | None = None) -> Log:
    """Read a Parquet file or an Arrow IPC file, in a process of its own.

    Args:
        source: the file's bytes, at their start.
        tally: takes the counts; its format says which of the two it is.
        rows: how many to read from the start; all if not given.

    Raises:
        InvalidLog: no such file; other columns, or cells too long for a frame; a bad row in strict
            mode; no frame at all.
    """
    return tally.finish(frames_of_table(table_from_child(source, tally, rows), tally))


def read_table(source: BinaryIO, tally: Tally, rows: int | None = None) -> pl.DataFrame:
    """The table in a Parquet or Arrow file; arguments as for `read_columnar`.

    Raises:
        InvalidLog: no such file, or cells too long for a frame.
        PanicException: likewise; nobody knows what state polars is in then.
    """
    try:
        return _load(_known_columns(source, tally, rows), tally)
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise not_whole(tally, reason) from error


def _known_columns(source: BinaryIO, tally: Tally, rows: int | None) -> pl.LazyFrame:
    """The columns that a log has, never more rows of them than allowed."""
    lazy = (pl.scan_parquet if tally.format == "parquet" else pl.scan_ipc)(source)
    names = lazy.collect_schema().names()
    known = [*OWN_COLUMNS, *TEXT_COLUMNS, "label"]
    columns = [c for c in dict.fromkeys(known) if c in names] or names[:20]
    return lazy.select(columns).head(tally.max_frames + 1 if rows is None else rows)


def _load(lazy: pl.LazyFrame, tally: Tally) -> pl.DataFrame:
    schema = lazy.collect_schema()
    if any(dtype.is_nested() for dtype in schema.values()):
        raise unfit_types(schema, tally)
    words = [pl.col(n).cast(pl.String) for n, dtype in schema.items() if dtype in _TEXT]
    sizes = [word.str.len_bytes() for word in words]
    sizes += [pl.col(n).bin.size() for n, dtype in schema.items() if dtype == pl.Binary]
    if sizes:
        _check_cells(lazy.select(sizes), tally)
    return lazy.with_columns(words).collect()


def _check_cells(sizes: pl.LazyFrame, tally: Tally) -> None:
    rows = sizes.select(pl.len()).collect().item()
    for offset in range(0, rows, SLICE_ROWS):
        longest = sizes.slice(offset, SLICE_ROWS).max().collect().row(0, named=True)
        for column, size in longest.items():
            if size is not None and size > LONGEST_CELL:
                raise InvalidLog(
                    f"{tally.name} has a cell of {size} bytes in the column {column}.",
                    "A CAN frame carries at most 64 bytes; write the capture again.",
                    file=tally.name,
                )
