"""What a reader has to say about a log: its report, its bad lines, its one error."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from ml.can.frames import Frames
from ml.errors import InvalidInput

MAX_FRAMES = 100_000_000
SHOWN_PROBLEMS = 10


class InvalidLog(InvalidInput):
    """A log that cannot be read, or not without dropping frames."""

    slug: ClassVar[str] = "invalid-log"


@dataclass(frozen=True)
class ReadReport:
    """How the reading of a log went.

    Attributes:
        format: name of the format that was found.
        lines: frame lines (rows, messages) seen; blank lines and headers are not counted.
        dropped: how many of them were bad and left out (0 in strict mode).
        first_problems: "file:line: reason" of at most the first ten.
        backward_steps: timestamps that were earlier than the one before, mended by sorting.
    """

    format: str
    lines: int
    dropped: int
    first_problems: tuple[str, ...]
    backward_steps: int


@dataclass(frozen=True)
class Log:
    """A log that was read: its frames in time order, and the report."""

    frames: Frames
    report: ReadReport


@dataclass
class Tally:
    """Counts a log's lines and bad lines; in strict mode the first bad line is an error.

    Attributes:
        name: the log's name in messages.
        format: name of the format being read.
        strict: whether a bad line raises.
        max_frames: bound on the frame lines of one log.
    """

    name: str
    format: str
    strict: bool = True
    max_frames: int = MAX_FRAMES
    lines: int = 0
    dropped: int = 0
    shown: list[str] = field(default_factory=list)

    @property
    def wants_reasons(self) -> int:
        """How many further bad lines should come with a reason."""
        return 1 if self.strict else SHOWN_PROBLEMS - len(self.shown)

    def count(self, lines: int) -> None:
        """Add frame lines to the count.

        Raises:
            InvalidLog: there are more than `max_frames`.
        """
        self.lines += lines
        if self.lines > self.max_frames:
            raise InvalidLog(
                f"{self.name} holds more than {self.max_frames} frames.",
                "Split it into shorter captures.",
                file=self.name,
            )

    def drop(self, count: int, reasons: list[tuple[int, str]]) -> None:
        """Note bad lines.

        Args:
            count: how many there are.
            reasons: (line number, reason) of the first ones, as many as `wants_reasons`.

        Raises:
            InvalidLog: in strict mode, about the first of them.
        """
        if self.strict and reasons:
            line, reason = reasons[0]
            raise InvalidLog(
                f"{self.name}:{line}: {reason}.",
                "Mend that line, or read the log leniently to drop bad lines.",
                file=self.name,
                line=line,
                reason=reason,
            )
        self.dropped += count
        self.shown += [f"{self.name}:{line}: {reason}" for line, reason in reasons]

    def finish(self, frames: Frames) -> Log:
        """Sort the frames and close the report.

        Raises:
            InvalidLog: no frame is left.
        """
        if len(frames) == 0:
            first = f" The first problem: {self.shown[0]}." if self.shown else ""
            raise InvalidLog(
                f"{self.name} holds no readable frame ({self.format}).{first}",
                "Give a log with at least one CAN frame.",
                file=self.name,
            )
        ordered, backward = frames.in_time_order()
        report = ReadReport(self.format, self.lines, self.dropped, tuple(self.shown), backward)
        return Log(ordered, report)


def not_whole(tally: Tally, reason: str) -> InvalidLog:
    """The error about a file that ends too soon, or does not fit together."""
    return InvalidLog(
        f"{tally.name} is not a whole {tally.format} file: {reason}.",
        "It may be truncated; write or download it again.",
        file=tally.name,
    )
