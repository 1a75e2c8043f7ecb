"""BLF logs, by way of python-can, looked over first for what it does not look at."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import can

MAX_CONTAINER_BYTES = 32 * 2**20
# More than the largest frame takes, and what other tools write between two frames.
BYTES_A_FRAME, OBJECTS_A_FRAME = 256, 4
_FILE_HEADER = struct.Struct("<4sL8xQ")
_OBJECT_HEADER = struct.Struct("<4sHHLL")
_CONTAINER_HEADER = struct.Struct("<H14x")
_CONTAINER, _STORED, _DEFLATED = 10, 0, 2


def blf_messages(source: BinaryIO, max_frames: int) -> Iterator[can.Message]:
    """The CAN messages of a BLF file.

    Args:
        source: the file's bytes.
        max_frames: how many frames it may hold; bounds what else may be in it.

    Raises:
        Exception: whatever python-can trips over in a damaged file; at the end, that the file is
            shorter than it says.
    """
    missing = _missing_bytes(source, _Content(max_frames))
    with can.BLFReader(source) as reader:
        yield from reader
        if missing > 0:
            raise EOFError(f"its last {missing} bytes are missing")


def _missing_bytes(source: BinaryIO, content: _Content) -> int:
    """Walk over the file's containers, and go back to its start.

    Returns:
        how many bytes the file lacks against what its header says.

    Raises:
        ValueError: a container unpacks to too much, or what is in it cannot be walked over.
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
            content.add(_unpacked(body))
    source.seek(0)
    return int(stated) - size


def _unpacked(body: bytes) -> bytes:
    (method,) = _CONTAINER_HEADER.unpack_from(body)
    packed = body[_CONTAINER_HEADER.size :]
    if method != _DEFLATED:
        return packed if method == _STORED else b""
    unpacker = zlib.decompressobj()
    content = unpacker.decompress(packed, MAX_CONTAINER_BYTES)
    if unpacker.unconsumed_tail:
        raise ValueError(f"a container unpacks to over {MAX_CONTAINER_BYTES} bytes")
    return content


class _Content:
    """What the containers hold, one after the other: objects, which may go on in the next one."""

    def __init__(self, max_frames: int) -> None:
        self._bytes_left = max_frames * BYTES_A_FRAME + MAX_CONTAINER_BYTES
        self._objects_left = max_frames * OBJECTS_A_FRAME
        self._rest = b""

    def add(self, content: bytes) -> None:
        """Walk over the objects of the next container.

        Raises:
            ValueError: one leads nowhere, or there are more than the frames allowed explain.
        """
        self._bytes_left -= len(content)
        content, at = self._rest + content, 0
        while (at := content.find(b"LOBJ", at, at + 8)) >= 0:
            if at + _OBJECT_HEADER.size > len(content):
                break
            _, _, _, length, _ = _OBJECT_HEADER.unpack_from(content, at)
            if length < _OBJECT_HEADER.size:
                # python-can would come back to it for ever.
                raise ValueError(f"an object says that it has {length} bytes")
            if at + length > len(content):
                break
            at += length
            self._objects_left -= 1
        self._rest = content[at:] if at >= 0 else b""
        if self._bytes_left < 0 or self._objects_left < 0:
            raise ValueError("it unpacks to far more than the frames that are taken")
