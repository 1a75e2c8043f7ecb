"""Reading CAN logs: the format is told by content, the frames come back as columns."""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

from ml.can.readers.columnar import read_columnar
from ml.can.readers.detection import HEAD_BYTES, detect
from ml.can.readers.formats import TextFormat
from ml.can.readers.problems import MAX_FRAMES, InvalidLog, Log, ReadReport, Tally
from ml.can.readers.text import read_text
from ml.can.readers.vendor import read_vendor
from ml.errors import NotFound

__all__ = ["MAX_FRAMES", "InvalidLog", "Log", "ReadReport", "parse_log", "read_log"]


def read_log(path: Path, *, strict: bool = True, max_frames: int = MAX_FRAMES) -> Log:
    """Read a log file of any known format.

    Args:
        path: the file.
        strict: raise at the first bad line; otherwise drop bad lines and count them.
        max_frames: bound on the frames of the log.

    Returns:
        the frames in time order and the report of the reading.

    Raises:
        NotFound: there is no such file.
        InvalidLog: it is no file, not readable, of no known format, bad, or without frames.
    """
    try:
        with path.open("rb") as source:
            return _read(source, path.name, strict, max_frames)
    except FileNotFoundError as error:
        raise NotFound(f"There is no file {path}.", "Check the path.") from error
    except IsADirectoryError as error:
        raise InvalidLog(f"{path} is a folder, not a log.", "Name a file in it.") from error
    except PermissionError as error:
        raise InvalidLog(f"{path} may not be read.", "Change its permissions.") from error


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


def _read(source: BinaryIO, name: str, strict: bool, max_frames: int) -> Log:
    found = detect(source.read(HEAD_BYTES), name)
    source.seek(0)
    if isinstance(found, TextFormat):
        return read_text(source, found, Tally(name, found.name, strict, max_frames))
    tally = Tally(name, found, strict, max_frames)
    return (read_columnar if found in {"parquet", "arrow"} else read_vendor)(source, tally)
