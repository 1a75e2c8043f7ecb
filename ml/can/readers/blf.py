"""BLF logs, by way of python-can, looked over first for what it does not look at."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import can

MAX_CONTAINER_BYTES = 32 * 2**20
_FILE_HEADER = struct.Struct("<4sL8xQ")
_OBJECT_HEADER = struct.Struct("<4sHHLL")
_CONTAINER_HEADER = struct.Struct("<H14x")
_CONTAINER, _DEFLATED = 10, 2


def blf_messages(source: BinaryIO) -> Iterator[can.Message]:
    """The CAN messages of a BLF file.

    Raises:
        Exception: whatever python-can trips over in a damaged file; at the end, that the file is
            shorter than it says.
    """
    missing = _missing_bytes(source)
    with can.BLFReader(source) as reader:
        yield from reader
        if missing > 0:
            raise EOFError(f"its last {missing} bytes are missing")


def _missing_bytes(source: BinaryIO) -> int:
    """Walk over the file's containers, and go back to its start.

    Returns:
        how many bytes the file lacks against what its header says.

    Raises:
        ValueError: a container unpacks to too much.
        struct.error: the file ends within a header.
        zlib.error: a container's content is damaged.
    """
    size = source.seek(0, io.SEEK_END)
    source.seek(0)
    _, header_size, stated = _FILE_HEADER.unpack(source.read(_FILE_HEADER.size))
    source.seek(header_size)
    while len(header := source.read(_OBJECT_HEADER.size)) == _OBJECT_HEADER.size:
        _, _, _, length, kind = _OBJECT_HEADER.unpack(header)
        body = source.read(max(0, length - _OBJECT_HEADER.size) + length % 4)
        if kind == _CONTAINER:
            _check_container(body)
    source.seek(0)
    return int(stated) - size


def _check_container(body: bytes) -> None:
    (method,) = _CONTAINER_HEADER.unpack_from(body)
    if method != _DEFLATED:
        return
    unpacker = zlib.decompressobj()
    unpacker.decompress(body[_CONTAINER_HEADER.size :], MAX_CONTAINER_BYTES)
    if unpacker.unconsumed_tail:
        raise ValueError(f"a container unpacks to over {MAX_CONTAINER_BYTES} bytes")
