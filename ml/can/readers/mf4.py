"""MF4 logs, by way of python-can and asammdf, an optional part of the installation."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from importlib.util import find_spec
from typing import BinaryIO

import can

from ml.errors import Unavailable

_HEADER_AT, _HEADER = 64, b"##HD"


def mf4_messages(source: BinaryIO) -> Iterator[can.Message]:
    """The CAN messages of an MF4 file in the order of time.

    Raises:
        Unavailable: asammdf is not installed.
        Exception: whatever asammdf trips over in a damaged file.
    """
    if find_spec("asammdf") is None:
        raise Unavailable("MF4 logs need the library asammdf.", "Run: pip install 'canfuse[mf4]'")
    source.seek(_HEADER_AT)
    if source.read(len(_HEADER)) != _HEADER:
        raise ValueError("its header block is missing")
    source.seek(0)
    try:
        with can.MF4Reader(source) as reader:
            yield from reader
    except Exception as error:
        _finish_closing(error)
        raise


def _finish_closing(error: Exception) -> None:
    """Give half-opened files the header that asammdf wants to delete when it lets go of them."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        owner = frame.f_locals.get("self")
        if type(owner).__name__ == "MDF4" and not hasattr(owner, "header"):
            owner.header = None  # type: ignore[union-attr] # only asammdf's own class has the name
