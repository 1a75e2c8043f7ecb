"""Parquet and Arrow files are read in another process, which is kept for the next file.

Polars ends its process on some damaged files: a few bytes can ask for more memory than there is.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from io import BytesIO
from typing import IO, Any, BinaryIO, cast

import polars as pl

from ml.can.readers.problems import InvalidLog, Tally, not_whole

LIMIT_SECONDS = 600
# What a larger file took is not held on to.
KEPT_BYTES = 16 << 20
KEPT = 4
PIECE_BYTES = 1 << 20


class _Child:
    """A process that reads one file after the other."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(  # our own interpreter and module
            [sys.executable, "-m", "ml.can.readers.columnar_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._to = cast("IO[bytes]", self.process.stdin)
        self._from = cast("IO[bytes]", self.process.stdout)

    def ask(self, request: dict[str, Any], source: BinaryIO) -> tuple[list[Any] | None, bytes]:
        """Send a request and a file, and wait for the error or the table.

        Raises:
            OSError, EOFError: the process came to its end over it, or the file is shorter now.
        """
        self._to.write(json.dumps(request).encode() + b"\n")
        left = request["size"]
        while left:
            if not (piece := source.read(min(left, PIECE_BYTES))):
                raise EOFError
            self._to.write(piece)
            left -= len(piece)
        self._to.flush()
        if not (line := self._from.readline()):
            raise EOFError
        answer = json.loads(line)
        return answer["error"], self._from.read(answer["size"])

    def end(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        with suppress(OSError):
            self._to.close()
        self._from.close()


class _Children:
    """The processes that wait for a file."""

    def __init__(self) -> None:
        self._idle: list[_Child] = []
        self._lock = threading.Lock()
        # A fork must not talk to its parent's children.
        os.register_at_fork(after_in_child=self._forget)
        atexit.register(self._end)

    def take(self) -> _Child:
        """One that waits, or a new one."""
        with self._lock:
            while self._idle:
                if (child := self._idle.pop()).process.poll() is None:
                    return child
                child.end()  # killed while it waited, which is not the next file's fault
            return _Child()

    def keep(self, child: _Child) -> None:
        """Keep one for the next file, if there are not enough."""
        with self._lock:
            if len(self._idle) < KEPT:
                self._idle.append(child)
                return
        child.end()

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._idle = []

    def _end(self) -> None:
        while self._idle:
            self._idle.pop().end()


_children = _Children()


def table_from_child(source: BinaryIO, tally: Tally, rows: int | None) -> pl.DataFrame:
    """The table in a Parquet or Arrow file.

    Args:
        source: the file's bytes, at their start.
        tally: says the format, and how many frames there may be.
        rows: how many to read from the start; all if not given.

    Raises:
        InvalidLog: it cannot be read.
    """
    size = source.seek(0, os.SEEK_END)
    source.seek(0)
    request = {
        "size": size,
        "rows": rows,
        "name": tally.name,
        "format": tally.format,
        "max_frames": tally.max_frames,
    }
    child = _children.take()
    watchdog = threading.Timer(LIMIT_SECONDS, child.process.kill)
    watchdog.daemon = True
    watchdog.start()
    try:
        error, content = child.ask(request, source)
    except (OSError, EOFError) as stop:
        child.end()
        raise not_whole(tally, "its parts do not fit together") from stop
    except BaseException:
        child.end()
        raise
    finally:
        watchdog.cancel()
    if max(size, len(content)) <= KEPT_BYTES:
        _children.keep(child)
    else:
        child.end()
    if error is not None:
        detail, hint, extra = error
        raise InvalidLog(detail, hint, **extra)
    return pl.read_ipc_stream(BytesIO(content))
