"""Changes to a file that keep enough of its structure to get deep into what reads it."""

from __future__ import annotations

import io
import json
import re
import struct
import zlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from random import Random

import polars as pl
from seeds import as_arrow, as_parquet

from ml.can.readers.columnar_process import table_from_child
from ml.can.readers.problems import InvalidLog, Tally
from ml.can.readers.tables import OWN_COLUMNS, TEXT_COLUMNS

Mutate = Callable[[bytes, Random], bytes]
MOST_BYTES = 1 << 16
WORDS: tuple[bytes, ...] = (
    b"", *b"nan inf -inf -1 -0.0 1e308 1e-400 1e999 99999999999 100000000000 1_0 +1 0x10 .".split(),
    *b"7FF 800 1FFFFFFF 20000000 3FFFFFFF FFFFFFFF 123456789 R T RTR x d ## #R9 [9] [64]".split(),
    *b"0 1 2 8 15 255 256 4294967296 can0 can1 Rx Tx ErrorFrame CANFD , ,,, ( ) % {}".split(),
    b"9" * 400, b"0" * 2000, b"00" * 8, b"00" * 9, b"00" * 64, b"00" * 65, b" " * 1500, b"'" * 50,
    b"remote request", b"base dec", b"base hex  timestamps relative", b"date Mon", b"../../etc",
    b";$FILEVERSION=2.0", b";$COLUMNS=N,O,T,I,d,l,D", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\x1c",
    b"\x85", b"\r", b"\n", b"\t", b'"', b"\\", *(c.encode() for c in "\u2028\u0661\uff11\u00b2"),
)  # fmt: skip
_EDGES = (2**n - k for n in (16, 31, 32, 63, 64) for k in (1, 0))
NUMBERS = (0, 1, 2, 7, 8, 9, 16, 64, 127, 128, 255, 256, *_EDGES)
_FIELD = re.compile(rb"[^\s,#:()\[\]]+")
_OBJECT = struct.Struct("<4sHHLL")
_CONTAINER = 10


def any_bytes(data: bytes, rng: Random) -> bytes:
    """Flip, cut, repeat, insert or overwrite bytes, wherever."""
    at = rng.randrange(len(data) + 1)
    end = min(len(data), at + rng.choice((1, 2, 4, 8, 32, 256)))
    old, after = data[at:end], data[end:]
    new = (
        lambda: bytes([old[0] ^ (1 << rng.randrange(8))]) + old[1:] if old else b"",
        lambda: b"",
        lambda: old * rng.choice((2, 3, 50)),
        lambda: rng.randbytes(rng.choice((1, 4, 16))) + old,
        lambda: (rng.choice(NUMBERS) % 256 ** len(old)).to_bytes(len(old), "little"),
        lambda: rng.choice(WORDS) + old,
    )
    return data[:at] if rng.randrange(12) == 0 else data[:at] + rng.choice(new)() + after


def text_lines(data: bytes, rng: Random) -> bytes:
    """Replace a field by something odd, or move, repeat and join lines."""
    kind = rng.randrange(6)
    if kind <= 2 and (fields := list(_FIELD.finditer(data))):
        field = rng.choice(fields)
        return data[: field.start()] + rng.choice(WORDS) + data[field.end() :]
    lines = data.split(b"\n")
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    if kind == 3:
        lines.insert(a, lines[b])
    elif kind == 4:
        lines[a : a + 1] = lines[a : a + 1] * rng.choice((2, 20, 300))
    elif kind == 5:
        lines[a] += lines[b]
    else:
        return any_bytes(data, rng)
    return b"\n".join(lines)


_NAN, _INF = float("nan"), float("inf")
_TIMES = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC), None)
_VALUES: tuple[Sequence[object], ...] = (
    (0, 1, -1), (2**63 - 1, -(2**63), 0), (2**64 - 1, 0, 1), (0.5, _NAN, _INF), (1e308, -1e308),
    ("", "0102", "zz"), ("0" * 129, "1", "\u0661"), ("nan", "1e999", "-1"), (None, None), _TIMES,
    (b"", b"\0" * 8, b"\xff" * 65), (True, False, None), ([1], [], [2, 3]), ({"a": 1}, None),
)  # fmt: skip
_TYPES = (
    pl.Int8, pl.UInt8, pl.Int64, pl.UInt64, pl.Float32, pl.Float64, pl.String, pl.Binary, pl.Null,
    pl.Categorical,
    pl.Boolean, pl.Date, pl.Datetime, pl.Duration, pl.Time, pl.Decimal(9, 2), pl.Int128,
)  # fmt: skip
_NAMES = (*OWN_COLUMNS, *TEXT_COLUMNS, "label", "speed", "", "x" * 300)
_UNFIT = (
    InvalidLog,
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
    OSError,
    ValueError,
    TypeError,
)


def table_file(data: bytes, rng: Random) -> bytes:
    """Write the table again with a column of other values, another type or another name."""
    parquet = data.startswith(b"PAR1")
    if rng.randrange(3) == 0:
        return any_bytes(data, rng)
    try:
        tally = Tally("seed", "parquet" if parquet else "arrow")
        table = table_from_child(io.BytesIO(data), tally, None)
        changed = _changed(table, rng)
        return (as_parquet if parquet != (rng.randrange(9) == 0) else as_arrow)(changed)
    except _UNFIT:
        return any_bytes(data, rng)


def _changed(table: pl.DataFrame, rng: Random) -> pl.DataFrame:
    name, kind = rng.choice(table.columns or ["timestamp"]), rng.randrange(5)
    if kind == 0:
        values = rng.choice(_VALUES)
        column = [values[i % len(values)] for i in range(len(table))]
        return table.with_columns(pl.Series(name, column, strict=False))
    if kind == 1:
        return table.with_columns(pl.col(name).cast(rng.choice(_TYPES), strict=False))
    if kind == 2:
        return table.rename({name: rng.choice(_NAMES)})
    if kind == 3:
        return table.drop(name)
    return pl.concat([table] * rng.choice((0, 2, 40)) or [table[:0]])


def blf_file(data: bytes, rng: Random) -> bytes:
    """Change what a container of a BLF file holds, and pack it again; or change the file around."""
    at = data.find(b"LOBJ")
    if rng.randrange(3) == 0 or at < 0 or len(data) < at + 32:
        return any_bytes(data, rng)
    _, header, version, size, kind = _OBJECT.unpack_from(data, at)
    if kind != _CONTAINER:
        return any_bytes(data, rng)
    try:
        content = zlib.decompress(data[at + 32 : at + size])
    except zlib.error:
        return any_bytes(data, rng)
    for _ in range(rng.choice((1, 1, 2, 8))):
        content = any_bytes(content, rng)
    packed = zlib.compress(content[:MOST_BYTES], 1)
    about = data[at + 16 : at + 24] + struct.pack("<L", len(content)) + data[at + 28 : at + 32]
    again = _OBJECT.pack(b"LOBJ", header, version, 32 + len(packed), kind) + about + packed
    return data[:at] + again + data[at + size :]


_DTYPES = ("F32", "F64", "I64", "U8", "U32", "U64", "BOOL", "BF16", "F8_E4M3", "C64", "X")


def safetensors_file(data: bytes, rng: Random) -> bytes:
    """Forge the header of a safetensors file, the numbers in it, or both."""
    if rng.randrange(2) or len(data) < 8:
        return any_bytes(data, rng)
    size = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8 : 8 + size])
        name = rng.choice(list(header))
        _forge(header, name, rng)
        again = json.dumps(header).encode()
    except (ValueError, IndexError, TypeError, KeyError, AttributeError, RecursionError):
        return any_bytes(data, rng)
    return len(again).to_bytes(8, "little") + again + data[8 + size :]


def _forge(header: dict[str, dict[str, object]], name: str, rng: Random) -> None:
    kind = rng.randrange(5)
    if kind == 0:
        header[name]["dtype"] = rng.choice(_DTYPES)
    elif kind == 1:
        header[name]["shape"] = [rng.choice(NUMBERS) for _ in range(rng.randrange(4))]
    elif kind == 2:
        header[name]["data_offsets"] = [rng.choice(NUMBERS), rng.choice(NUMBERS)]
    elif kind == 3:
        del header[name]
    else:
        header[rng.choice(("x", "../x", "__metadata__"))] = header.pop(name)


_JSON = (
    *rb'NaN Infinity -1 1e999 null true {} [] "" "\ud800" "\u0000" 0.5 1.5 "7FF" "zz"'.split(),
    b"1" + b"0" * 400, b"18446744073709551616", b"[" * 5000, b'{"a":' * 3000,
)  # fmt: skip
_JSON_VALUE = re.compile(rb'"[^"]*"|[-0-9.eE+]+|true|false|null')


def json_text(data: bytes, rng: Random) -> bytes:
    """Replace a value of JSON by another, or change its bytes."""
    if rng.randrange(4) == 0 or not (found := list(_JSON_VALUE.finditer(data))):
        return any_bytes(data, rng)
    place = rng.choice(found)
    return data[: place.start()] + rng.choice(_JSON) + data[place.end() :]


def several(mutate: Mutate, data: bytes, rng: Random) -> bytes:
    """A few changes, one after the other, of bounded size."""
    most = max(MOST_BYTES, 2 * len(data))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        data = mutate(data, rng)[:most]
    return data
