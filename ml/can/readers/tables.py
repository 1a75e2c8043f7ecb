"""Tables of frames, however they came to be, as `Frames`; and what can be wrong with a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from ml.can.frames import FD_BYTES, Flag, Frames
from ml.can.readers.fields import (
    ALL_FLAGS,
    EXTENDED_LIMIT,
    data_problem,
    decode,
    id_problem,
    time_problem,
)
from ml.can.readers.problems import InvalidLog, Tally

OWN_COLUMNS = ("timestamp", "can_id", "flags", "length", "payload")
TEXT_COLUMNS = ("timestamp", "id", "data_field")
RowCheck = Callable[[dict[str, Any]], str | None]


def frames_of_table(
    table: pl.DataFrame,
    tally: Tally,
    *,
    lines: Sequence[int] | None = None,
    known: Mapping[int, str] | None = None,
) -> Frames:
    """The frames of a table, counted and checked.

    Args:
        table: the columns `OWN_COLUMNS`, or `TEXT_COLUMNS`; `label` is optional.
        tally: takes the counts; decides what a bad row means.
        lines: the line number of each row in messages; the row's own number if not given.
        known: what is already known to be wrong, by row index; such a row has a null.

    Raises:
        InvalidLog: other columns, or types; a bad row in strict mode.
    """
    tally.count(len(table))
    fields, reason = _fields(table, tally)
    frames, good = decode(fields)
    rows = np.flatnonzero(~good)
    if len(rows):
        shown: list[int] = rows[: tally.wants_reasons].tolist()
        named = [
            (i, (known or {}).get(i) or _problem(table.row(i, named=True), reason)) for i in shown
        ]
        tally.drop(len(rows), [(lines[i] if lines else i + 1, why) for i, why in named])
    return frames


def _fields(table: pl.DataFrame, tally: Tally) -> tuple[pl.DataFrame, RowCheck]:
    if set(OWN_COLUMNS) <= set(table.columns):
        return _own_fields(table, tally), _own_problem
    if set(TEXT_COLUMNS) <= set(table.columns):
        return _text_fields(table, tally), _text_problem
    raise InvalidLog(
        f"{tally.name} has the columns {', '.join(table.columns[:20]) or 'none'}.",
        f"A log has {', '.join(OWN_COLUMNS)}, or {', '.join(TEXT_COLUMNS)}; label is optional.",
        file=tally.name,
    )


def _own_fields(table: pl.DataFrame, tally: Tally) -> pl.DataFrame:
    length = pl.col("length").cast(pl.UInt8, strict=False)
    return _converted(
        table,
        tally,
        pl.col("timestamp").alias("time"),
        # For `decode` a length may be missing; here it may not, so the id goes with it.
        pl.when(length.is_not_null()).then(pl.col("can_id")).alias("id"),
        pl.col("flags").cast(pl.UInt8, strict=False),
        length.alias("dlc"),
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
    numbers = [
        table.schema[name] for name in ("timestamp", "can_id", "id") if name in table.columns
    ]
    if not all(dtype.is_numeric() or dtype == pl.String for dtype in numbers):
        raise unfit_types(table.schema, tally)
    try:
        return table.select(*columns, *label)
    except pl.exceptions.PolarsError as error:
        raise unfit_types(table.schema, tally) from error


def unfit_types(schema: pl.Schema, tally: Tally) -> InvalidLog:
    """The error about columns that no frames can be made of."""
    types = ", ".join(f"{name} {dtype}" for name, dtype in schema.items())
    return InvalidLog(
        f"{tally.name} has columns of unfit types: {types}.",
        "Write it with numbers, and the payload as binary (or data_field as hex text).",
        file=tally.name,
    )


def _problem(row: dict[str, Any], reason: RowCheck) -> str:
    missing = [name for name, value in row.items() if value is None]
    if missing:
        return f"{' and '.join(missing)} missing"
    label = row.get("label", 0)
    bad_label = None if label in {0, 1} else f"the label {label} is neither 0 nor 1"
    return time_problem(str(row["timestamp"])) or reason(row) or bad_label or "the row is no frame"


def _text_problem(row: dict[str, Any]) -> str | None:
    return _number_problem(row["id"]) or data_problem(str(row["data_field"]))


def _own_problem(row: dict[str, Any]) -> str | None:
    flags, length = _whole(row["flags"]), _whole(row["length"])
    if flags is None or not 0 <= flags <= ALL_FLAGS:
        return f"the flags {row['flags']} are unknown"
    if flags & Flag.REMOTE and flags & Flag.FD:
        return "a CAN-FD frame cannot be a remote frame"
    if length is None or not 0 <= length <= FD_BYTES:
        return f"the length {row['length']} is no number of bytes"
    dlc = None if flags & Flag.REMOTE else str(length)
    fd = bool(flags & Flag.FD)
    return _number_problem(row["can_id"]) or data_problem(row["payload"].hex(), dlc=dlc, fd=fd)


def _whole(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _number_problem(value: Any) -> str | None:
    if isinstance(value, str):
        return id_problem(value)
    inside = 0 <= value <= EXTENDED_LIMIT
    return None if inside else f"the id {value} is outside 0 to {EXTENDED_LIMIT:#x}"
