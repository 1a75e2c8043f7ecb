"""Columns of frames and scores, from sequences or arrays, as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


@runtime_checkable
class Array(Protocol):
    """NumPy's arrays, and whatever else can list its values."""

    def tolist(self) -> Any:
        """The values as Python's own."""


Column: TypeAlias = Sequence[T] | Array
Payloads: TypeAlias = Iterable[str | bytes | bytearray | memoryview | Sequence[int] | Array]


def listed(column: Column[T]) -> list[T]:
    """A column as a list of Python's own values."""
    values: list[T] = column.tolist() if isinstance(column, Array) else list(column)
    return values


def frame_columns(
    timestamp: Column[float],
    id: Column[int | str],  # noqa: A002 - what CAN calls it
    data: Payloads,
    extended: Column[bool] | None = None,
) -> dict[str, list[Any]]:
    """Frames as the service takes them."""
    columns: dict[str, list[Any]] = {
        "timestamp": listed(timestamp),
        "id": listed(id),
        "data": [_hexadecimal(payload) for payload in data],
    }
    return columns if extended is None else {**columns, "extended": listed(extended)}


def _hexadecimal(payload: str | bytes | bytearray | memoryview | Sequence[int] | Array) -> str:
    if isinstance(payload, str):
        return payload
    return bytes(payload.tolist() if isinstance(payload, Array) else payload).hex()
