"""A job's log: what its process writes to standard error, from attempt to attempt."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import IO

LONGEST_LOG = 64 << 20  # bytes
TAIL_BYTES = 4_000


class ChildLog:
    """The log of one attempt, behind those of the ones before.

    The process writes to the file itself, so it can only be shortened, not kept from growing.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._start = file.stat().st_size if file.exists() else 0

    def open(self) -> IO[bytes]:
        """The file, to be written to at its end, wherever that will be."""
        return self._file.open("ab")

    def trim(self) -> None:
        """Let the older part of a log go that has become too long, before the disk is full."""
        with contextlib.suppress(OSError):
            if self._file.stat().st_size > LONGEST_LOG:
                latest = self._latest(LONGEST_LOG // 2)
                os.truncate(self._file, 0)
                self._start = 0
                with self.open() as log:
                    log.write(latest)

    def last_words(self) -> str:
        """The end of what this attempt has written."""
        words = self._latest(TAIL_BYTES, self._start)
        return words.decode(errors="replace").replace("\x00", "\ufffd")

    def _latest(self, most: int, since: int = 0) -> bytes:
        with self._file.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(since, size - most))
            return log.read(most)
