"""From the text fields of frames, as columns, to `Frames`; and what can be wrong with a field."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.can.frames import CLASSIC_BYTES, FD_BYTES, Flag, Frames

STANDARD_LIMIT = 0x7FF
EXTENDED_LIMIT = 0x1FFF_FFFF
LAST_SECOND = 1e11  # far in the future; beyond it are milliseconds and nanoseconds
ERROR_BIT = 0x2000_0000
ALL_FLAGS = int(Flag.EXTENDED | Flag.REMOTE | Flag.ERROR | Flag.FD)
HEX_DIGITS = frozenset("0123456789abcdefABCDEF")


def decode(fields: pl.DataFrame) -> tuple[Frames, NDArray[np.bool_]]:
    """Turn fields into frames, leaving out the rows that cannot be one.

    Args:
        fields: columns `time` (text or number), `id` (hex text, or a number with EXTENDED in the
            flags where it has 29 bits), `data` (hex digits without separators), `flags` (u8), and
            optionally `dlc` (u8, null where it is not given; a remote frame's length) and `label`
            (u8). A null in any column but `dlc` makes the row bad.

    Returns:
        the frames of the good rows, and (n,) True where a row is good.
    """
    labelled = "label" in fields.columns
    width = FD_BYTES if fields.select(_has(Flag.FD).any()).item() else CLASSIC_BYTES
    typed = fields.select(
        pl.col("time").cast(pl.Float64, strict=False),
        *_identifier(fields.schema["id"]),
        pl.col("flags"),
        pl.col("dlc") if "dlc" in fields.columns else pl.lit(None, pl.UInt8).alias("dlc"),
        pl.col("data").str.len_bytes().alias("digits"),
        _payload(width),
        *(["label"] if labelled else []),
    )
    good = typed.select(_is_good(labelled).fill_null(value=False)).to_series()
    rows = typed if good.all() else typed.filter(good)
    return _frames(rows, labelled, width), good.to_numpy()


def _identifier(dtype: pl.DataType) -> tuple[pl.Expr, pl.Expr]:
    if dtype != pl.String:
        return pl.col("id").cast(pl.UInt32, strict=False), _has(Flag.EXTENDED).alias("long")
    number = pl.col("id").str.to_integer(base=16, dtype=pl.UInt32, strict=False)
    return number, (pl.col("id").str.len_bytes() == 8).alias("long")


def _payload(width: int) -> pl.Expr:
    padded = pl.col("data").str.head(2 * width).str.pad_end(2 * width, "0")
    content = padded.str.decode("hex", strict=False)
    return content.bin.reinterpret(dtype=pl.Array(pl.UInt8, width)).alias("payload")


def _has(flag: Flag) -> pl.Expr:
    return (pl.col("flags") & int(flag)) != 0


def _is_good(labelled: bool) -> pl.Expr:
    limit = pl.when(_has(Flag.ERROR)).then(EXTENDED_LIMIT | ERROR_BIT).otherwise(EXTENDED_LIMIT)
    widest = pl.when(_has(Flag.FD)).then(2 * FD_BYTES).otherwise(2 * CLASSIC_BYTES)
    stated = pl.col("dlc").cast(pl.UInt32) * 2  # digits; in one byte twice 128 would be 0
    exact = stated.is_null() | _has(Flag.REMOTE) | (stated == pl.col("digits"))
    checks = [
        (pl.col("time") >= 0) & (pl.col("time") < LAST_SECOND),
        pl.col("id") <= limit,
        (pl.col("digits") <= widest) & (pl.col("digits") % 2 == 0),
        pl.col("payload").is_not_null(),
        exact,
        stated.is_null() | (stated <= widest),
        pl.col("flags") <= ALL_FLAGS,
        ~(_has(Flag.FD) & _has(Flag.REMOTE)),  # CAN-FD has no remote frames
    ]
    return pl.all_horizontal(*checks, *([pl.col("label") <= 1] if labelled else []))


def _frames(rows: pl.DataFrame, labelled: bool, width: int) -> Frames:
    ids = rows["id"].to_numpy()
    flags = rows["flags"].to_numpy().copy()
    error = (flags & Flag.ERROR) != 0
    extended = (rows["long"].to_numpy() | (ids > STANDARD_LIMIT)) & ~error
    flags[extended] |= np.uint8(Flag.EXTENDED)
    return Frames(
        timestamp=rows["time"].to_numpy(),
        can_id=ids & np.uint32(EXTENDED_LIMIT),
        flags=flags,
        length=rows["dlc"].fill_null(rows["digits"] // 2).cast(pl.UInt8).to_numpy(),
        payload=rows["payload"].to_numpy().reshape(-1, width),
        label=rows["label"].to_numpy() if labelled else None,
    )


def time_problem(text: str) -> str | None:
    """Why this is no timestamp, or None."""
    try:
        seconds = float(text)
    except ValueError:
        return f"the timestamp {_shown(text)} is not a number"
    if not math.isfinite(seconds) or seconds < 0:
        return f"the timestamp {_shown(text)} is negative or not finite"
    if seconds >= LAST_SECOND:
        return f"the timestamp {_shown(text)} is too large to be in seconds"
    return None


def id_problem(text: str, limit: int = EXTENDED_LIMIT) -> str | None:
    """Why this is no identifier, or None."""
    if not text or not HEX_DIGITS.issuperset(text):
        return f"the id {_shown(text)} is not hexadecimal"
    if int(text, 16) > limit:
        return f"the id {_shown(text)} is above {limit:X}"
    return None


def data_problem(text: str, *, dlc: str | None = None, fd: bool = False) -> str | None:
    """Why this is no payload (of the length `dlc`, if that is given), or None."""
    digits = "".join(text.split())
    size, widest = len(digits) // 2, FD_BYTES if fd else CLASSIC_BYTES
    if not HEX_DIGITS.issuperset(digits):
        return f"the payload {_shown(text)} is not hexadecimal"
    if len(digits) % 2:
        return f"the payload {_shown(text)} has an odd number of hex digits"
    if size > widest:
        return f"the payload has {size} bytes, {'CAN-FD' if fd else 'classic CAN'} carries {widest}"
    if dlc is not None and not (dlc.isascii() and dlc.isdigit() and len(dlc) < 4):
        return f"the length {_shown(dlc)} is not a number"
    if dlc is not None and int(dlc) != size:
        return f"the payload has {size} bytes where the length says {int(dlc)}"
    return None


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")
