"""candump logs: compact `(ts) can0 123#0102` and padded `(ts)  can0  123   [2]  01 02`.

Three hex digits are an 11-bit id, eight a 29-bit one, or an error frame where bit 29 is set. In the
compact layout `##` and a digit of flags start a CAN-FD payload, `#R` a remote frame; a padded
CAN-FD frame is told by its two-digit length.
"""

from __future__ import annotations

import re

import polars as pl

from ml.can.frames import Flag
from ml.can.readers.fields import (
    ERROR_BIT,
    EXTENDED_LIMIT,
    STANDARD_LIMIT,
    data_problem,
    id_problem,
    time_problem,
)
from ml.can.readers.formats import TextFormat

_START = r"^[ \t]*\((?P<time>[0-9.eE+-]+)\)[ \t]+(?P<channel>[!-~]+)[ \t]+"
_ID = r"(?P<id>[0-9A-Fa-f]{3}(?:[0-9A-Fa-f]{5})?)"
_ANY_START = r"\((?P<time>[^)]*)\)\s+(?P<channel>\S+)\s+"


def _valid_id() -> pl.Expr:
    """The id's text, null for three digits above the 11-bit range."""
    long = pl.col("id").str.len_bytes() == 8
    return pl.when(long | (pl.col("id") < "8")).then(pl.col("id"))


def _flag(flag: Flag, condition: pl.Expr) -> pl.Expr:
    return pl.when(condition).then(int(flag)).otherwise(0).cast(pl.UInt8)


def _error() -> pl.Expr:
    return (pl.col("id").str.len_bytes() == 8) & pl.col("id").str.slice(0, 1).is_in(["2", "3"])


def _refine_compact(groups: pl.DataFrame) -> pl.DataFrame:
    fd, remote = pl.col("fd").is_not_null(), pl.col("asked").is_not_null()
    asked = pl.col("asked").str.slice(1).cast(pl.UInt8, strict=False).fill_null(0)
    return groups.with_columns(
        _valid_id(),
        pl.col("data").fill_null(""),
        flags=_flag(Flag.FD, fd) | _flag(Flag.REMOTE, remote) | _flag(Flag.ERROR, _error()),
        dlc=pl.when(remote).then(asked),
    )


def _refine_padded(groups: pl.DataFrame) -> pl.DataFrame:
    fd, remote = pl.col("dlc").str.len_bytes() == 2, pl.col("remote").is_not_null()
    return groups.with_columns(
        _valid_id(),
        pl.col("dlc").cast(pl.UInt8, strict=False),
        pl.col("data").fill_null("").str.replace_all(" ", "", literal=True),
        flags=_flag(Flag.FD, fd) | _flag(Flag.REMOTE, remote) | _flag(Flag.ERROR, _error()),
    )


def _head_problem(groups: dict[str, str]) -> str | None:
    text = groups["id"]
    limit = STANDARD_LIMIT if len(text) == 3 else EXTENDED_LIMIT | ERROR_BIT
    digits = None if len(text) in {3, 8} else f"the id {text[:40]!r} has neither 3 nor 8 hex digits"
    return time_problem(groups["time"]) or id_problem(text, limit) or digits


def _compact_problem(groups: dict[str, str]) -> str | None:
    body = groups["data"]
    if body.startswith("R"):
        return _head_problem(groups)
    fd = body.startswith("#")
    return _head_problem(groups) or data_problem(body[2:] if fd else body, fd=fd)


def _padded_problem(groups: dict[str, str]) -> str | None:
    dlc, rest = groups["dlc"], groups["data"]
    if rest.startswith("remote request"):
        return _head_problem(groups)
    data = re.split("ERRORFRAME|'", rest, maxsplit=1)[0]
    return _head_problem(groups) or data_problem(data, dlc=dlc, fd=len(dlc) == 2)


CANDUMP = TextFormat(
    name="candump",
    shape="(timestamp) interface id#payload",
    pattern=(
        _START + _ID + r"#(?:(?P<asked>R[0-8]?)|(?P<fd>#[0-9A-Fa-f])?(?P<data>(?:[0-9A-Fa-f]{2})*))"
        r"(?:_[9A-Fa-f])?(?:[ \t]+(?:[RT][ \t]*)?)?$"
    ),
    signature=re.compile(_ANY_START + r"(?P<id>[^\s#]*)#(?P<data>\S*)(?:\s+[RT])?$"),
    refine=_refine_compact,
    problem=_compact_problem,
)

CANDUMP_PADDED = TextFormat(
    name="candump-padded",
    shape="(timestamp)  interface  id   [length]  bytes",
    pattern=(
        _START + _ID + r"[ \t]+\[(?P<dlc>[0-9]{1,2})\]"
        r"(?:[ \t]+(?P<data>[0-9A-Fa-f]{2}(?: [0-9A-Fa-f]{2})*)?(?P<remote>remote request)?)?$"
    ),
    rare=(
        _START + r"(?:[RT]X[ \t]+[!-~][ \t]+[!-~][ \t]+)?" + _ID + r"[ \t]+\[(?P<dlc>[0-9]{1,2})\]"
        r"[ \t]*(?P<data>(?:[0-9A-Fa-f]{2} *)*)(?P<remote>remote request)?(?:ERRORFRAME)?"
        r"[ \t]*(?:'.*')?[ \t]*$"
    ),
    signature=re.compile(
        _ANY_START + r"(?:[RT]X\s+\S\s+\S\s+)?(?P<id>[^\s\[]*)\s*\[(?P<dlc>[^\]]*)\](?P<data>.*)$"
    ),
    refine=_refine_padded,
    problem=_padded_problem,
)
