"""Why windows were flagged: which experts, which identifiers, which sides of their behaviour."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.can.frames import EXTENDED_BIT, Frames, id_name
from ml.can.graphs import WindowGraphs, graphs_of
from ml.can.profiles import VehicleProfile
from ml.experts.explanation import ExpertExplanation, explain_window
from ml.fusion.explanation import explain_policy
from ml.scoring import Scorer, Scores


@dataclass(frozen=True)
class SuspiciousId:
    """An identifier of a window and what an expert gave it.

    Attributes:
        id: the identifier in hexadecimal.
        extended: whether it has 29 bits.
        score: calibrated, in [0, 1].
    """

    id: str
    extended: bool
    score: float


@dataclass(frozen=True)
class Evidence:
    """What alarmed one expert about a window.

    Attributes:
        ids: the most suspicious identifiers, the worst first.
        families: what each family of features (see `ml.can.features.FAMILIES`) added to the raw
            score of the worst one.
        usual: that identifier's raw score, had it behaved as usual.
    """

    ids: list[SuspiciousId]
    families: dict[str, float]
    usual: float


@dataclass(frozen=True)
class Explanation:
    """Why one window was flagged.

    Attributes:
        window: its place among the traffic's windows.
        window_start, window_end: seconds.
        fused_score: in [0, 1].
        attack_kind: the likeliest kind.
        usual: the fused score of a usual benign window.
        inputs: what each input of the fusion added to that; they sum to `fused_score − usual`.
        experts: by expert name.
    """

    window: int
    window_start: float
    window_end: float
    fused_score: float
    attack_kind: str | None
    usual: float
    inputs: dict[str, float]
    experts: dict[str, Evidence]


def explain(
    scorer: Scorer, frames: Frames, profile: VehicleProfile, scores: Scores, limit: int
) -> list[Explanation]:
    """Explain the flagged windows with the highest fused scores, in time order.

    Every figure is an exact Shapley value, so that parts sum to the whole (Lundberg & Lee, "A
    unified approach to interpreting model predictions", 2017).

    Args:
        scorer: the release that scored.
        frames: the traffic.
        profile: of its car.
        scores: what `Scorer.score_frames` said of it.
        limit: most windows to explain.
    """
    flagged = np.flatnonzero(scores.is_attack)
    strongest = flagged[np.argsort(-scores.fused_score[flagged], kind="stable")[:limit]]
    chosen = np.sort(strongest)
    found = []
    for window, graphs in _windows(scorer, frames, profile, chosen):
        found.append(_explained(scorer, scores, window, graphs))
    return found


def _windows(
    scorer: Scorer, frames: Frames, profile: VehicleProfile, chosen: NDArray[np.intp]
) -> Iterator[tuple[int, WindowGraphs]]:
    """Each chosen window's number and its graph alone."""
    begin = 0
    for piece in graphs_of(frames, scorer.window, profile):
        inside = chosen[(chosen >= begin) & (chosen < begin + len(piece))]
        for window in inside.tolist():
            yield window, piece.take(np.array([window - begin]))
        begin += len(piece)


def _explained(scorer: Scorer, scores: Scores, window: int, graphs: WindowGraphs) -> Explanation:
    policy = explain_policy(
        scorer.policy,
        scores.anomaly_score[window : window + 1],
        scores.gat_prob[window : window + 1],
        graphs.window,
    )
    experts = explain_window(scorer.bank.experts, graphs, 0, scorer.usual_node)
    kinds = scores.attack_kind
    return Explanation(
        window=window,
        window_start=float(graphs.start[0]),
        window_end=float(graphs.end[0]),
        fused_score=float(scores.fused_score[window]),
        attack_kind=None if kinds is None else kinds[window],
        usual=policy.usual,
        inputs=dict(zip(policy.inputs, policy.contribution[0].tolist(), strict=True)),
        experts={name: _evidence(scorer, name, found) for name, found in experts.items()},
    )


def _evidence(scorer: Scorer, name: str, found: ExpertExplanation) -> Evidence:
    calibrated = scorer.calibrations[name](found.score)
    ids = [
        SuspiciousId(id_name(int(number)), bool(number & EXTENDED_BIT), float(score))
        for number, score in zip(found.arbitration.tolist(), calibrated, strict=True)
    ]
    families = dict(zip(found.families, found.contribution.tolist(), strict=True))
    return Evidence(ids, families, found.usual)
