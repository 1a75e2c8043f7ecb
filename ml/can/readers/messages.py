"""python-can's messages as rows of a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl

from ml.can.frames import Flag

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
MOST = 2**40
_NO_ROW = (None,) * len(SCHEMA)


def message_table(messages: Iterable[Any]) -> pl.DataFrame:
    """One row a message, in the columns of `SCHEMA`; nulls for what is no message but a text."""
    rows = [_NO_ROW if isinstance(m, str) else _row(m) for m in messages]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _row(message: Any) -> tuple[float, int, int, int, bytes, str]:
    error, remote = message.is_error_frame, message.is_remote_frame
    flags = (
        (Flag.EXTENDED if message.is_extended_id and not error else 0)
        | (Flag.REMOTE if remote else 0)
        | (Flag.ERROR if error else 0)
        | (Flag.FD if message.is_fd else 0)
    )
    data = b"" if remote else bytes(message.data)
    length = message.dlc if remote else max(message.dlc, len(data))
    # Text can write any number; a table holds 64 bits, and what is that large is no frame.
    can_id, length = (max(-1, min(n, MOST)) for n in (message.arbitration_id, length))
    return message.timestamp, can_id, int(flags), length, data, str(message.channel)
