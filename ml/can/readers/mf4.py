"""MF4 logs, by way of python-can and asammdf, an optional part of the installation."""

from __future__ import annotations

import io
import subprocess
import sys
from importlib.util import find_spec
from typing import BinaryIO

import polars as pl

from ml.errors import Unavailable

LIMIT_SECONDS = 600
_HEADER_AT, _HEADER = 64, b"##HD"


def mf4_table(source: BinaryIO, max_frames: int) -> pl.DataFrame:
    """The CAN messages of an MF4 file, read in a process of its own.

    Args:
        source: the file's bytes.
        max_frames: how many are wanted; where there are more, one more is given.

    Returns:
        one row a message, in the columns of `messages.SCHEMA`.

    Raises:
        Unavailable: asammdf is not installed.
        ValueError: the file is damaged, or takes too long.
    """
    if find_spec("asammdf") is None:
        raise Unavailable("MF4 logs need the library asammdf.", "Run: pip install 'canfuse[mf4]'")
    data = source.read()
    if not data.startswith(_HEADER, _HEADER_AT):
        raise ValueError("its header block is missing")
    command = [sys.executable, "-m", "ml.can.readers.mf4_child", str(max_frames)]
    try:
        child = subprocess.run(  # noqa: S603 # our own interpreter and module
            command, input=data, capture_output=True, check=False, timeout=LIMIT_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise ValueError(f"it could not be read within {LIMIT_SECONDS} s") from error
    if child.returncode > 0:
        raise ValueError(child.stderr.decode(errors="replace").strip().splitlines()[-1][:120])
    if child.returncode < 0:
        raise ValueError("its blocks do not fit together")
    return pl.read_ipc(io.BytesIO(child.stdout))
