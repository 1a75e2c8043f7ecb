"""From a request's body to scores, whatever form it has."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from app.scoring.frames import check_lengths, frames_from
from app.scoring.schemas import Explanation, LogReport, ScoreAnswer, ScoreRequest, SeenAs
from app.scoring.traffic import Sent
from app.vehicles.seen import Seen, Vehicles
from ml.can.frames import Frames
from ml.errors import InvalidInput
from ml.explanation import explain as explain_windows
from ml.scoring import Scorer, Scores

# The strongest flagged windows that are explained; each takes about a tenth of a second.
EXPLAINED_WINDOWS = 20


@dataclass(frozen=True)
class Asked:
    """A request to score.

    Attributes:
        sent: the body.
        vehicle: whose traffic it is, if that was said.
        explain: whether the strongest flagged windows are explained.
    """

    sent: Sent
    vehicle: str | None = None
    explain: bool = False


def score(scorer: Scorer, vehicles: Vehicles, asked: Asked) -> ScoreAnswer:
    """Score a request with one release from start to end; takes a core for a while."""
    if not asked.sent.is_columns:
        frames, log = asked.sent.log()
        return answer(*score_frames(scorer, vehicles, frames, asked.vehicle, asked.explain), log)
    request = asked.sent.columns(ScoreRequest)
    if request.anomaly_score is None or request.gat_prob is None:
        frames = frames_from(request)
        return answer(*score_frames(scorer, vehicles, frames, asked.vehicle, asked.explain))
    if asked.explain:
        raise InvalidInput("Ready-made scores cannot be explained.", "Send the frames, or a log.")
    check_lengths({"anomaly_score": request.anomaly_score, "gat_prob": request.gat_prob})
    return answer(scorer.fuse(*np.array([request.anomaly_score, request.gat_prob])))


def score_frames(
    scorer: Scorer, vehicles: Vehicles, frames: Frames, vehicle: str | None, explain: bool
) -> tuple[Scores, Seen, list[Explanation] | None]:
    """Score traffic as its vehicle's, and explain the strongest flagged windows if asked to.

    Raises:
        NoVehicle, VehicleNeeded: see `Vehicles.see`.
        InvalidInput: there is less than one window of it.
    """
    profile, seen = vehicles.see(scorer, frames, vehicle)
    scores = scorer.score_frames(frames, profile)
    if not explain:
        return scores, seen, None
    found = explain_windows(scorer, frames, profile, scores, EXPLAINED_WINDOWS)
    return scores, seen, [Explanation.model_validate(asdict(window)) for window in found]


def answer(
    scores: Scores,
    seen: Seen | None = None,
    explanations: list[Explanation] | None = None,
    log: LogReport | None = None,
) -> ScoreAnswer:
    """Put an answer together."""
    # The columns are right by construction; validating each number again would take longest.
    vehicle = None if seen is None else SeenAs.model_validate(seen)
    return ScoreAnswer.model_construct(
        **scores.to_dict(), vehicle=vehicle, explanations=explanations, log=log
    )
