"""Tables of a profile: what shape and range each has, checked wherever one comes from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, get_type_hints

import numpy as np
from numpy.typing import NDArray

from ml.errors import InvalidInput

Array = NDArray[Any]
IDS = "ids"


@dataclass(frozen=True)
class Table:
    """What one table has to be.

    Attributes:
        shape: a number, or the name of a length that other tables share.
        dtype: numpy's name of the type.
        low, high: least and largest value allowed.
        ascending: whether each value has to exceed the one before.
    """

    shape: tuple[int | str, ...]
    dtype: str
    low: float | None = None
    high: float | None = None
    ascending: bool = False


def table(
    *shape: int | str,
    dtype: str,
    low: float | None = None,
    high: float | None = None,
    ascending: bool = False,
) -> Table:
    """A `Table`, to annotate the dataclass field that holds such an array."""
    return Table(shape, dtype, low, high, ascending)


@lru_cache
def tables_of(section: type) -> dict[str, Table]:
    """Every field of a dataclass that is annotated with a `Table`."""
    hints = get_type_hints(section, include_extras=True)
    described = {name: getattr(hint, "__metadata__", ()) for name, hint in hints.items()}
    return {name: m[0] for name, m in described.items() if m and isinstance(m[0], Table)}


def checked(
    arrays: Mapping[str, Array], section: type, prefix: str, lengths: dict[str, int]
) -> dict[str, Array]:
    """The tables of a section out of named arrays.

    Args:
        arrays: by prefix and name.
        section: dataclass whose fields are tables.
        prefix: before each name.
        lengths: what the named lengths are; grows by those that are met for the first time.

    Raises:
        InvalidInput: one is missing, of another type or shape, not finite or out of range.
    """
    found = {}
    for name, wanted in tables_of(section).items():
        array = arrays.get(prefix + name)
        if array is None:
            raise _malformed(prefix + name, "is missing")
        _check(prefix + name, array, wanted, lengths)
        found[name] = array
    return found


def _check(name: str, array: Array, wanted: Table, lengths: dict[str, int]) -> None:
    if array.dtype != np.dtype(wanted.dtype):
        raise _malformed(name, f"is {array.dtype} instead of {wanted.dtype}")
    if array.ndim != len(wanted.shape):
        raise _malformed(name, f"has {array.ndim} dimensions instead of {len(wanted.shape)}")
    for have, want in zip(array.shape, wanted.shape, strict=True):
        expected = lengths.setdefault(want, have) if isinstance(want, str) else want
        if have != expected:
            raise _malformed(name, f"has the shape {array.shape} instead of {wanted.shape}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise _malformed(name, "holds a value that is not finite")
    if not array.size:
        return
    if wanted.low is not None and array.min() < wanted.low:
        raise _malformed(name, f"holds a value under {wanted.low:g}")
    if wanted.high is not None and array.max() > wanted.high:
        raise _malformed(name, f"holds a value over {wanted.high:g}")
    if wanted.ascending and not (array[1:] > array[:-1]).all():
        raise _malformed(name, "is not in ascending order")


def _malformed(name: str, what: str) -> InvalidInput:
    return InvalidInput(
        f"This is no vehicle profile: its table `{name}` {what}.", "Enrol the vehicle again."
    )
