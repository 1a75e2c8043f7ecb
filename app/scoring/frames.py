"""From columns of JSON to frames."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from app.scoring.schemas import FrameColumns, ScoreRequest
from ml.can.frames import CLASSIC_BYTES, FD_BYTES, Flag, Frames
from ml.can.readers.fields import LAST_SECOND, time_problem
from ml.errors import InvalidInput

LARGEST_STANDARD_ID = 0x7FF
LARGEST_EXTENDED_ID = 0x1FFF_FFFF
_HEX = re.compile(r"(0[xX])?[0-9a-fA-F]{1,8}")


def frames_from(request: FrameColumns | ScoreRequest) -> Frames:
    """The frames of a request, in time order.

    Raises:
        InvalidInput: columns of different length, or a value that no frame can have.
    """
    columns = {n: getattr(request, n) for n in ("timestamp", "id", "data", "extended")}
    check_lengths({name: values for name, values in columns.items() if values is not None})
    can_id = _ids(request.id or [])
    length, payload = _payloads(request.data or [])
    flags = np.zeros(len(can_id), np.uint8)
    flags |= np.where(_extended(request.extended, can_id), Flag.EXTENDED, 0).astype(np.uint8)
    flags |= np.where(length > CLASSIC_BYTES, Flag.FD, 0).astype(np.uint8)
    frames = Frames(
        _times(request.timestamp or []), can_id.astype(np.uint32), flags, length, payload
    )
    return frames.in_time_order()[0]


def check_lengths(columns: dict[str, list[float]]) -> None:
    """Make sure that all columns have the same, positive length.

    Raises:
        InvalidInput: they have not.
    """
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        listing = ", ".join(f"{name} has {n}" for name, n in lengths.items())
        raise InvalidInput(f"The columns differ in length: {listing}.", "Make them equally long.")
    if 0 in lengths.values():
        raise InvalidInput("The columns are empty.", "Send at least one value in each.")


def _times(given: list[float]) -> NDArray[np.float64]:
    times = np.asarray(given, np.float64)
    if (wrong := np.flatnonzero(~((times >= 0) & (times < LAST_SECOND)))).size:
        row = int(wrong[0])
        problem = time_problem(str(given[row]))
        raise InvalidInput(f"timestamp.{row}: {problem}.", "Write timestamps in seconds.")
    return times


def _ids(given: list[int | str]) -> NDArray[np.int64]:
    numbers = [
        value if isinstance(value, int) else _from_hex(i, value) for i, value in enumerate(given)
    ]
    wrong = next((i for i, n in enumerate(numbers) if not 0 <= n <= LARGEST_EXTENDED_ID), None)
    if wrong is not None:
        raise InvalidInput(
            f"id.{wrong}: {given[wrong]} is no identifier.", "Identifiers have 11 or 29 bits."
        )
    return np.asarray(numbers, np.int64)


def _from_hex(row: int, text: str) -> int:
    if not _HEX.fullmatch(text):
        raise InvalidInput(
            f"id.{row}: {text[:20]!r} is no hexadecimal number.", "Write identifiers like 1A0."
        )
    return int(text, 16)


def _extended(given: list[bool] | None, can_id: NDArray[np.int64]) -> NDArray[np.bool_]:
    large = can_id > LARGEST_STANDARD_ID
    if given is None:
        return large
    said = np.asarray(given, np.bool_)
    if (wrong := np.flatnonzero(large & ~said)).size:
        row = wrong[0]
        raise InvalidInput(
            f"extended.{row}: the identifier {can_id[row]:X} needs 29 bits.", "Mark it as extended."
        )
    return said


def _payloads(given: list[str]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Lengths (n,) and zero-padded bytes (n, 8 or 64)."""
    rows = [_bytes(i, text) for i, text in enumerate(given)]
    length = np.fromiter(map(len, rows), np.uint8, len(rows))
    width = FD_BYTES if length.max(initial=0) > CLASSIC_BYTES else CLASSIC_BYTES
    padded = b"".join(row.ljust(width, b"\0") for row in rows)
    return length, np.frombuffer(padded, np.uint8).reshape(len(rows), width)


def _bytes(row: int, text: str) -> bytes:
    try:
        data = bytes.fromhex(text)
    except ValueError as error:
        raise InvalidInput(
            f"data.{row}: {text[:20]!r} is no hexadecimal text.",
            "Write two digits a byte, like 05FF.",
        ) from error
    if len(data) > FD_BYTES:
        raise InvalidInput(
            f"data.{row} has {len(data)} bytes.", f"A frame carries at most {FD_BYTES}."
        )
    return data
