"""Scores over HTTP, always as columns."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

Numbers = Annotated[list[float], Field(fail_fast=True)]
Ids = Annotated[list[int | str], Field(fail_fast=True)]
Payloads = Annotated[list[str], Field(fail_fast=True)]
Flags = Annotated[list[bool], Field(fail_fast=True)]

_TIMESTAMP = "Seconds."
_ID = "Identifiers as numbers or hexadecimal text, 11 or 29 bits."
_DATA = (
    "Payloads as hexadecimal text, up to 8 bytes (CAN-FD: 64); for a remote frame "
    "as many zeros as it asks for. Leave error frames out."
)
_EXTENDED = "Which identifiers have 29 bits; those over 7FF have anyway."
_FRAMES_EXAMPLE: dict[str, JsonValue] = {
    "timestamp": [0.0, 0.00021],
    "id": [790, "18FEF100"],
    "data": ["05212A0F08FF0000", "FFFF"],
}
_SCORES_EXAMPLE: dict[str, JsonValue] = {"anomaly_score": [0.11, 0.93], "gat_prob": [0.07, 0.88]}


class FrameColumns(BaseModel):
    """Frames as columns of equal length."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        allow_inf_nan=False,
        json_schema_extra={"examples": [_FRAMES_EXAMPLE]},
    )

    timestamp: Numbers = Field(description=_TIMESTAMP)
    id: Ids = Field(description=_ID)
    data: Payloads = Field(description=_DATA)
    extended: Flags | None = Field(default=None, description=_EXTENDED)


class ScoreRequest(BaseModel):
    """What to score: either the experts' scores or frames, as columns of equal length."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        allow_inf_nan=False,
        json_schema_extra={"examples": [_SCORES_EXAMPLE, _FRAMES_EXAMPLE]},
    )

    anomaly_score: Numbers | None = Field(default=None, description="The VGAE's scores, 0 to 1.")
    gat_prob: Numbers | None = Field(default=None, description="The GAT's probabilities, 0 to 1.")
    timestamp: Numbers | None = Field(default=None, description=_TIMESTAMP)
    id: Ids | None = Field(default=None, description=_ID)
    data: Payloads | None = Field(default=None, description=_DATA)
    extended: Flags | None = Field(default=None, description=_EXTENDED)

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        scores = self.model_fields_set & {"anomaly_score", "gat_prob"}
        frames = self.model_fields_set - scores
        needed = {"timestamp", "id", "data"} if frames else {"anomaly_score", "gat_prob"}
        if scores and frames:
            raise ValueError("give either anomaly_score and gat_prob, or timestamp, id and data")
        if missing := [name for name in sorted(needed) if getattr(self, name) is None]:
            raise ValueError(f"these columns are missing: {', '.join(missing)}")
        return self


class LogReport(BaseModel):
    """How the reading of a log went."""

    model_config = ConfigDict(from_attributes=True)

    format: str = Field(examples=["candump"])
    lines: int = Field(description="Frame lines seen.")
    dropped: int = Field(description="Bad ones left out; 0 unless read leniently.")
    first_problems: list[str] = Field(description="At most ten, as `file:line: reason`.")
    backward_steps: int = Field(description="Timestamps that ran backwards, mended by sorting.")


class SeenAs(BaseModel):
    """The vehicle relative to whose profile the traffic was seen."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    profile: str = Field(description="Version of its profile.")
    enrolled: bool = Field(
        description="Whether it is an enrolled vehicle; false where it is a car that the release "
        "was trained on: the one that was named, or the closest where none was named."
    )
    known_frames: float = Field(description="Share of the frames whose identifier it knows.")
    note: str | None = Field(description="What to keep in mind about these verdicts, if anything.")


class SuspiciousId(BaseModel):
    """An identifier of a window and what an expert gave it."""

    id: str = Field(description="Hexadecimal.")
    extended: bool = Field(description="Whether it has 29 bits.")
    score: float = Field(description="The expert's calibrated score.")


class Evidence(BaseModel):
    """What alarmed one expert about a window."""

    ids: list[SuspiciousId] = Field(description="The most suspicious ones, the worst first.")
    families: dict[str, float] = Field(
        description="What each family of features added to the worst one's raw score."
    )
    usual: float = Field(description="Its raw score, had it behaved as usual.")


class Explanation(BaseModel):
    """Why a window was flagged; all parts are exact Shapley values."""

    window: int = Field(description="Its place in the columns, from 0.")
    window_start: float
    window_end: float
    fused_score: float
    attack_kind: str | None
    usual: float = Field(description="The fused score of usual benign windows.")
    inputs: dict[str, float] = Field(
        description="What each input of the fusion added; with `usual` they sum to `fused_score`."
    )
    experts: dict[str, Evidence]


class ScoreAnswer(BaseModel):
    """One value for each window in every column."""

    fused_score: list[float]
    alpha: list[float] = Field(description="Weight of `gat_prob`; the rest is `anomaly_score`'s.")
    anomaly_score: list[float]
    gat_prob: list[float]
    is_attack: list[bool] = Field(description="Whether `fused_score` reaches the threshold.")
    attack_kind: list[str | None] | None = Field(
        description="The likeliest kind of attack, `unknown kind` where none is likely enough; "
        "null for a window that is no attack, and as a whole for ready-made scores."
    )
    window_start: list[float] | None = Field(description="Seconds; null for ready-made scores.")
    window_end: list[float] | None
    threshold: float
    release: str = Field(description="Version of the release that made this answer.")
    vehicle: SeenAs | None = Field(description="Null for ready-made scores, which need none.")
    log: LogReport | None = Field(default=None, description="For a log: how its reading went.")
    explanations: list[Explanation] | None = Field(
        default=None,
        description="With `explain=true`: why the strongest of the flagged windows were flagged.",
    )
