"""Writing logs: Parquet and Arrow keep everything, candump is for other tools."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.can.frames import Flag, Frames
from ml.can.readers.fields import ERROR_BIT
from ml.errors import InvalidInput

_HEX = np.array([f"{byte:02X}" for byte in range(256)], dtype="S2")


def write_log(frames: Frames, path: Path, *, channel: str = "can0") -> Path:
    """Write frames in the format that the suffix names; the file appears whole or not at all.

    `.parquet` and `.arrow` keep every column (`timestamp` f64, `can_id` u32, `flags` u8, `length`
    u8, `payload` binary, `label` u8 where there is one). `.log` is compact candump: microseconds,
    no labels, CAN-FD flags 0.

    Args:
        frames: what to write.
        path: where; missing folders are made, an existing file is replaced.
        channel: the interface name in a candump log.

    Returns:
        the path.

    Raises:
        InvalidInput: the suffix names no format that is written.
    """
    writers: dict[str, Callable[[IO[bytes]], object]] = {
        ".parquet": lambda file: _table(frames).write_parquet(file),
        ".arrow": lambda file: _table(frames).write_ipc(file),
        ".log": lambda file: _candump_lines(frames, channel).write_csv(
            file, include_header=False, quote_style="never"
        ),
    }
    if path.suffix not in writers:
        raise InvalidInput(
            f"Logs are not written as {path.suffix or 'a file without suffix'}.",
            f"Name the file {', '.join(writers)}.",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    _replace(path, writers[path.suffix])
    return path


def _replace(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        temporary = Path(file.name)
        try:
            write(file)
            file.flush()
            os.fsync(file.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _digits(rows: NDArray[np.uint8]) -> pl.Series:
    """The bytes of each row, (n, width), as upper-case hex text."""
    digits = np.ascontiguousarray(_HEX[rows]).view(f"S{2 * rows.shape[1]}").ravel()
    return pl.Series(digits, dtype=pl.Binary).cast(pl.String)


def _payload_digits(frames: Frames) -> pl.Series:
    """Each frame's payload as hex text; none for a remote frame."""
    size = np.where((frames.flags & Flag.REMOTE) != 0, 0, frames.length)
    text = pl.DataFrame({"hex": _digits(frames.payload), "digits": 2 * size})
    return text.select(pl.col("hex").str.head(pl.col("digits"))).to_series()


def _table(frames: Frames) -> pl.DataFrame:
    columns = {
        "timestamp": frames.timestamp,
        "can_id": frames.can_id,
        "flags": frames.flags,
        "length": frames.length,
        "payload": _payload_digits(frames).str.decode("hex"),
    }
    return pl.DataFrame(columns if frames.label is None else {**columns, "label": frames.label})


def _candump_lines(frames: Frames, channel: str) -> pl.DataFrame:
    error = (frames.flags & Flag.ERROR) != 0
    ids = np.where(error, frames.can_id | np.uint32(ERROR_BIT), frames.can_id)
    micros = np.round(frames.timestamp * 1e6).astype(np.uint64)
    table = pl.DataFrame(
        {
            "seconds": micros // 1_000_000,
            "micros": micros % 1_000_000,
            "id": _digits(ids.astype(">u4").view(np.uint8).reshape(-1, 4)),
            "long": frames.extended | error,
            "flags": frames.flags,
            "length": frames.length,
            "hex": _payload_digits(frames),
        }
    )
    return table.select(
        pl.format(
            "({}.{}) {} {}#{}{}",
            pl.col("seconds"),
            pl.col("micros").cast(pl.String).str.zfill(6),
            pl.lit(channel),
            pl.when(pl.col("long")).then(pl.col("id")).otherwise(pl.col("id").str.tail(3)),
            _marker(),
            pl.col("hex"),
        )
    )


def _marker() -> pl.Expr:
    fd = (pl.col("flags") & int(Flag.FD)) != 0
    remote = (pl.col("flags") & int(Flag.REMOTE)) != 0
    asked = pl.format("R{}", pl.col("length"))
    return pl.when(remote).then(asked).when(fd).then(pl.lit("#0")).otherwise(pl.lit(""))
