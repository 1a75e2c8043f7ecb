"""From a request's body to scores, whatever form it has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.bodies import is_json, parse
from app.scoring.frames import check_lengths, frames_from
from app.scoring.schemas import LogReport, ScoreAnswer, ScoreRequest
from ml.can.readers import parse_log
from ml.errors import InvalidInput
from ml.scoring import Scorer, Scores


@dataclass(frozen=True)
class Asked:
    """A request to score.

    Attributes:
        media: the body's media type, known to be one that is read.
        lenient: whether bad lines of a log are dropped rather than refused.
        max_rows: most frames or windows that are taken.
    """

    body: bytes
    media: str
    lenient: bool
    max_rows: int


def score(scorer: Scorer, asked: Asked) -> ScoreAnswer:
    """Score a request with one release from start to end; takes a core for a while."""
    if is_json(asked.media):
        _check_rows(_fewest_rows(asked.body), asked.max_rows)
        return _score_columns(scorer, parse(ScoreRequest, asked.body), asked.max_rows)
    log = parse_log(asked.body, strict=not asked.lenient, max_frames=asked.max_rows)
    return _answer(scorer.score_frames(log.frames), LogReport.model_validate(log.report))


def _score_columns(scorer: Scorer, request: ScoreRequest, max_rows: int) -> ScoreAnswer:
    _check_rows(max(len(v) for v in vars(request).values() if v is not None), max_rows)
    if request.anomaly_score is None or request.gat_prob is None:
        return _answer(scorer.score_frames(frames_from(request)))
    check_lengths({"anomaly_score": request.anomaly_score, "gat_prob": request.gat_prob})
    anomaly_score, gat_prob = np.array([request.anomaly_score, request.gat_prob])
    return _answer(scorer.fuse(anomaly_score, gat_prob))


def _fewest_rows(body: bytes) -> int:
    """The rows that columns of JSON have at least, told without parsing them."""
    return body.count(b",") // len(ScoreRequest.model_fields)


def _check_rows(rows: int, most: int) -> None:
    if rows > most:
        raise InvalidInput(f"There are over {most} rows.", "Send fewer at once.")


def _answer(scores: Scores, log: LogReport | None = None) -> ScoreAnswer:
    # The columns are right by construction; validating each number again would take longest.
    return ScoreAnswer.model_construct(**{"vehicle": None, **scores.to_dict()}, log=log)
