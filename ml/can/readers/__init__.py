"""Reading CAN logs: the format is told by content, the frames come back as columns."""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

from ml.can.frames import Frames
from ml.can.readers.columnar import read_columnar
from ml.can.readers.detection import HEAD_BYTES, detect
from ml.can.readers.formats import TextFormat
from ml.can.readers.problems import MAX_FRAMES, InvalidLog, Log, ReadReport, Tally
from ml.can.readers.text import read_text
from ml.errors import NotFound

__all__ = [
    "MAX_FRAMES",
    "InvalidLog",
    "Log",
    "ReadReport",
    "parse_log",
    "read_beginning",
    "read_log",
]

BEGINNING_ROWS = 1000


def read_log(
    path: Path, *, name: str | None = None, strict: bool = True, max_frames: int = MAX_FRAMES
) -> Log:
    """Read a log file of any known format.

    Args:
        path: the file.
        name: what messages call it; the file's name if not given.
        strict: raise at the first bad line; otherwise drop bad lines and count them.
        max_frames: bound on the frames of the log.

    Returns:
        the frames in time order and the report of the reading.

    Raises:
        NotFound: there is no such file.
        InvalidLog: it is no file, not readable, of no known format, bad, or without frames.
    """
    with _opened(path) as source:
        return _read(source, name or path.name, strict, max_frames)


def parse_log(
    data: bytes, *, name: str = "body", strict: bool = True, max_frames: int = MAX_FRAMES
) -> Log:
    """Read a log from memory; otherwise as `read_log`.

    Args:
        data: the whole log.
        name: what messages call it.
        strict: raise at the first bad line; otherwise drop bad lines and count them.
        max_frames: bound on the frames of the log.

    Raises:
        InvalidLog: it is of no known format, bad, or without frames.
    """
    return _read(io.BytesIO(data), name, strict, max_frames)


def read_beginning(path: Path) -> Frames:
    """The first frames of a log, quickly where its format allows that; bad ones are left out.

    Returns:
        some hundreds of frames in time order, or all where there are fewer.

    Raises:
        NotFound: there is no such file.
        InvalidLog: it cannot be read, or its beginning has no frame.
    """
    with _opened(path) as source:
        head = source.read(HEAD_BYTES)
        found = detect(head, path.name)
        source.seek(0)
        if found in {"parquet", "arrow"}:
            tally = Tally(path.name, str(found), strict=False)
            return read_columnar(source, tally, rows=BEGINNING_ROWS).frames
        if found in {"blf", "mf4"}:
            return _read(source, path.name, strict=False, max_frames=MAX_FRAMES).frames
    # The last line may be cut off.
    lines = head if len(head) < HEAD_BYTES else head[: head.rfind(b"\n") + 1]
    return parse_log(lines, name=path.name, strict=False).frames


def _opened(path: Path) -> BinaryIO:
    if path.is_dir():
        raise InvalidLog(f"{path} is a folder, not a log.", "Name a file in it.")
    if not path.exists():
        raise NotFound(f"There is no file {path}.", "Check the path.")
    if not path.is_file():
        raise InvalidLog(f"{path} is no ordinary file.", "Copy the log into one.")
    try:
        return path.open("rb")
    except OSError as error:
        raise InvalidLog(f"{path} cannot be read: {error.strerror}.", "Check it.") from error


def _read(source: BinaryIO, name: str, strict: bool, max_frames: int) -> Log:
    found = detect(source.read(HEAD_BYTES), name)
    source.seek(0)
    if isinstance(found, TextFormat):
        return read_text(source, found, Tally(name, found.name, strict, max_frames))
    tally = Tally(name, found, strict, max_frames)
    if found in {"parquet", "arrow"}:
        return read_columnar(source, tally)
    # python-can brings libraries that take longer to import than all the rest.
    from ml.can.readers.vendor import read_vendor  # noqa: PLC0415

    return read_vendor(source, tally)
