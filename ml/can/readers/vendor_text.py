"""ASC and TRC logs line by line: a line that python-can trips over is named and passed over."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import BinaryIO

import can

_ASC_HEADER = re.compile(r"\s*base\s", re.IGNORECASE)
_ASC_HEADER_END = "no internal events logged\n"


class _TRCReader(can.TRCReader):
    """A TRC reader that does not pass over short lines in silence."""

    def _parse_line(self, line: str) -> can.Message | None:
        return self._parse_cols(tuple(line.split(maxsplit=self._num_columns)))


TEXT_READERS = {"asc": can.ASCReader, "trc": _TRCReader}


class _Lines:
    """The lines of a log, as the file object that python-can iterates over.

    Attributes:
        number: how many lines of the log were handed out.
        header: lines that a reader needs again when it starts in the middle.
        replay: header lines still to be handed out before the log goes on.
    """

    def __init__(self, source: BinaryIO, kind: str) -> None:
        self._lines = io.TextIOWrapper(source, encoding="utf-8-sig", errors="replace")
        self._kind = kind
        self.number = 0
        self.header: list[str] = []
        self.replay: list[str] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if self.replay:
            return self.replay.pop(0)
        line = next(self._lines)
        self.number += 1
        if self._is_header(line):
            self.header.append(line)
        return line

    def restart(self) -> None:
        """Hand out the header before the next line."""
        self.replay = [*self.header, _ASC_HEADER_END] if self._kind == "asc" else [*self.header]

    def release(self) -> None:
        """Let go of the log without closing it."""
        self._lines.detach()

    def close(self) -> None:
        """Nothing: whoever opened the log closes it."""

    def _is_header(self, line: str) -> bool:
        return line.startswith(";$") if self._kind == "trc" else bool(_ASC_HEADER.match(line))


def text_messages(source: BinaryIO, kind: str) -> Iterator[tuple[int, can.Message | str]]:
    """The messages of an ASC or TRC log, or what is wrong, each with its line number."""
    lines = _Lines(source, kind)
    messages = iter(TEXT_READERS[kind](lines))
    stumbled = -1
    try:
        while True:
            try:
                yield from ((lines.number, message) for message in messages)
            except Exception as error:  # noqa: BLE001 # python-can raises whatever it trips over
                if lines.number == stumbled:
                    return
                stumbled = lines.number
                why = " ".join(str(error).split())[:120]
                yield stumbled, f"the line is no {kind.upper()} message ({why})"
                lines.restart()
                messages = iter(TEXT_READERS[kind](lines))
            else:
                return
    finally:
        lines.release()
