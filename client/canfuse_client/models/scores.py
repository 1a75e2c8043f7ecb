"""Scores, always as columns: one value for each window."""

from __future__ import annotations

from canfuse_client.models.base import Answer


class LogReport(Answer):
    """How the reading of a log went.

    Attributes:
        lines: frame lines seen.
        dropped: bad ones left out; 0 unless read leniently.
        first_problems: at most ten, as `file:line: reason`.
        backward_steps: timestamps that ran backwards, mended by sorting.
    """

    format: str
    lines: int
    dropped: int
    first_problems: list[str]
    backward_steps: int


class SeenAs(Answer):
    """The vehicle relative to whose profile the traffic was seen.

    Attributes:
        profile: version of its profile.
        enrolled: false where a car that the release was trained on stands in.
        known_frames: share of the frames whose identifier the profile knows.
        note: what to keep in mind about these verdicts, if anything.
    """

    id: str
    profile: str
    enrolled: bool
    known_frames: float
    note: str | None


class SuspiciousId(Answer):
    """An identifier of a window and what an expert gave it; `id` is hexadecimal."""

    id: str
    extended: bool
    score: float


class Evidence(Answer):
    """What alarmed one expert about a window.

    Attributes:
        ids: the most suspicious ones, the worst first.
        families: what each family of features added to the worst one's raw score.
        usual: its raw score, had it behaved as usual.
    """

    ids: list[SuspiciousId]
    families: dict[str, float]
    usual: float


class Explanation(Answer):
    """Why a window was flagged; all parts are exact Shapley values.

    Attributes:
        window: its place in the columns, from 0.
        usual: the fused score of usual benign windows.
        inputs: what each input of the fusion added; with `usual` they sum to `fused_score`.
        experts: what alarmed each expert.
    """

    window: int
    window_start: float
    window_end: float
    fused_score: float
    attack_kind: str | None
    usual: float
    inputs: dict[str, float]
    experts: dict[str, Evidence]


class Scores(Answer):
    """One value for each window in every column.

    Attributes:
        alpha: weight of `gat_prob`; the rest is `anomaly_score`'s.
        is_attack: whether `fused_score` reaches the threshold.
        attack_kind: the likeliest kind; None for a window that is no attack, and as a whole for
            ready-made scores, like all that follows from frames.
        window_start: seconds.
        window_end: seconds.
        release: version of the release that gave these scores.
        vehicle: whose traffic it was taken for.
        log: for a log: how its reading went.
        explanations: if asked for: why the strongest of the flagged windows were flagged.
    """

    fused_score: list[float]
    alpha: list[float]
    anomaly_score: list[float]
    gat_prob: list[float]
    is_attack: list[bool]
    attack_kind: list[str | None] | None
    window_start: list[float] | None
    window_end: list[float] | None
    threshold: float
    release: str
    vehicle: SeenAs | None
    log: LogReport | None = None
    explanations: list[Explanation] | None = None
