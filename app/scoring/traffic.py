"""From a request's body to frames, whichever of the forms it has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from app.bodies import is_json, parse
from app.scoring.frames import frames_from
from app.scoring.schemas import FrameColumns, LogReport, ScoreRequest
from ml.can.frames import Frames
from ml.can.readers import parse_log
from ml.errors import InvalidInput

Columns = TypeVar("Columns", FrameColumns, ScoreRequest)


@dataclass(frozen=True)
class Sent:
    """A body with traffic.

    Attributes:
        media: the body's media type, known to be one that is read.
        lenient: whether bad lines of a log are dropped rather than refused.
        max_rows: most frames or windows that are taken.
    """

    body: bytes
    media: str
    lenient: bool
    max_rows: int

    @property
    def is_columns(self) -> bool:
        """Whether it is JSON; otherwise it is a log."""
        return is_json(self.media)

    def columns(self, model: type[Columns]) -> Columns:
        """The columns of JSON.

        Raises:
            InvalidRequest: they do not fit the model.
            InvalidInput: there are too many rows.
        """
        fields = len(model.model_fields)
        # The rows that there are at least, told without parsing them.
        self._check_rows(self.body.count(b",") // fields)
        found = parse(model, self.body)
        self._check_rows(max(len(v) for v in vars(found).values() if v is not None))
        return found

    def log(self) -> tuple[Frames, LogReport]:
        """The frames of a log, and how its reading went.

        Raises:
            InvalidLog: it cannot be read.
        """
        log = parse_log(self.body, strict=not self.lenient, max_frames=self.max_rows)
        return log.frames, LogReport.model_validate(log.report)

    def frames(self) -> tuple[Frames, LogReport | None]:
        """The frames, of columns or a log, in time order.

        Raises:
            InvalidLog, InvalidRequest, InvalidInput: they cannot be read.
        """
        return (frames_from(self.columns(FrameColumns)), None) if self.is_columns else self.log()

    def _check_rows(self, rows: int) -> None:
        if rows > self.max_rows:
            raise InvalidInput(f"There are over {self.max_rows} rows.", "Send fewer at once.")
