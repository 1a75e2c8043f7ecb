"""Parquet and Arrow logs, in our own schema and in the layout of published captures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.can.frames import Flag
from ml.can.readers.fields import ALL_FLAGS, EXTENDED_LIMIT, data_problem, decode, time_problem
from ml.can.readers.problems import InvalidLog, Log, Tally

RowCheck = Callable[[dict[str, Any]], str | None]

OWN_COLUMNS = ("timestamp", "can_id", "flags", "length", "payload")
TEXT_COLUMNS = ("timestamp", "id", "data_field")


def read_columnar(source: BinaryIO, tally: Tally) -> Log:
    """Read a Parquet file or an Arrow IPC file.

    Args:
        source: the file's bytes, at their start.
        tally: takes the counts; its format says which of the two it is.

    Raises:
        InvalidLog: no such file; other columns; a bad row in strict mode; no frame at all.
    """
    table = _load(source, tally)
    tally.count(len(table))
    if set(OWN_COLUMNS) <= set(table.columns):
        reason: RowCheck = _own_problem
        fields = _own_fields(table, tally)
    elif set(TEXT_COLUMNS) <= set(table.columns):
        fields, reason = _text_fields(table, tally), _text_problem
    else:
        raise InvalidLog(
            f"{tally.name} has the columns {', '.join(table.columns[:20]) or 'none'}.",
            f"A log has {', '.join(OWN_COLUMNS)}, or {', '.join(TEXT_COLUMNS)}; label is optional.",
        )
    frames, good = decode(fields)
    _note_bad_rows(table, np.flatnonzero(~good), reason, tally)
    return tally.finish(frames)


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


def _own_fields(table: pl.DataFrame, tally: Tally) -> pl.DataFrame:
    return _converted(
        table,
        tally,
        pl.col("timestamp").alias("time"),
        pl.col("can_id").alias("id"),
        pl.col("flags").cast(pl.UInt8, strict=False),
        pl.col("length").cast(pl.UInt8, strict=False).alias("dlc"),
        pl.col("payload").bin.encode("hex").alias("data"),
    )


def _text_fields(table: pl.DataFrame, tally: Tally) -> pl.DataFrame:
    return _converted(
        table,
        tally,
        pl.col("timestamp").alias("time"),
        pl.col("id"),
        pl.lit(0, pl.UInt8).alias("flags"),
        pl.col("data_field").str.strip_chars().alias("data"),
    )


def _converted(table: pl.DataFrame, tally: Tally, *columns: pl.Expr) -> pl.DataFrame:
    """The columns that `decode` takes, and the label where the table has one."""
    label = [pl.col("label").cast(pl.UInt8, strict=False)] if "label" in table.columns else []
    try:
        return table.select(*columns, *label)
    except pl.exceptions.PolarsError as error:
        types = ", ".join(f"{name} {dtype}" for name, dtype in table.schema.items())
        raise InvalidLog(
            f"{tally.name} has columns of unfit types: {types}.",
            "Write it with numbers, and the payload as binary (or data_field as hex text).",
            file=tally.name,
        ) from error


def _note_bad_rows(
    table: pl.DataFrame, rows: NDArray[np.intp], reason: RowCheck, tally: Tally
) -> None:
    if len(rows):
        shown = rows[: tally.wants_reasons].tolist()
        reasons = [(i + 1, _row_problem(table.row(i, named=True), reason)) for i in shown]
        tally.drop(len(rows), reasons)


def _row_problem(row: dict[str, Any], reason: RowCheck) -> str:
    missing = [name for name, value in row.items() if value is None]
    if missing:
        return f"{' and '.join(missing)} missing"
    label = row.get("label", 0)
    bad_label = None if label in {0, 1} else f"the label {label} is neither 0 nor 1"
    return time_problem(str(row["timestamp"])) or reason(row) or bad_label or "the row is no frame"


def _text_problem(row: dict[str, Any]) -> str | None:
    return _number_problem(row["id"]) or data_problem(str(row["data_field"]))


def _own_problem(row: dict[str, Any]) -> str | None:
    flags, length = int(row["flags"]), int(row["length"])
    if not 0 <= flags <= ALL_FLAGS:
        return f"the flags {flags} are unknown"
    dlc = None if flags & Flag.REMOTE else str(length)
    fd = bool(flags & Flag.FD)
    return _number_problem(row["can_id"]) or data_problem(row["payload"].hex(), dlc=dlc, fd=fd)


def _number_problem(value: Any) -> str | None:
    inside = 0 <= value <= EXTENDED_LIMIT
    return None if inside else f"the id {value} is outside 0 to {EXTENDED_LIMIT:#x}"
