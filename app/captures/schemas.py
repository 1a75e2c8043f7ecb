"""Captures and datasets over HTTP."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from app.scoring.schemas import LogReport


class CaptureFacts(BaseModel):
    """What is in a log."""

    frames: int
    ids: int = Field(description="Different identifiers.")
    extended_ids: int = Field(description="Those of them with 29 bits.")
    error_frames: int
    remote_frames: int
    fd_frames: int
    start: float = Field(description="Timestamp of the first frame, seconds.")
    duration: float = Field(description="Seconds from the first frame to the last.")
    frames_per_second: float | None = Field(description="Null where the duration is 0.")
    attack_frames: int | None = Field(description="Null where the log has no labels.")
    log: LogReport


class CaptureView(BaseModel):
    """A capture of a dataset."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    vehicle: str
    attack: str | None = Field(description="Kind of the attack; null in attack-free traffic.")


class DatasetView(BaseModel):
    """A dataset that jobs can name."""

    name: str
    title: str | None = Field(description="Its published name, where it is a known one.")
    splits: dict[str, list[CaptureView]]
    repeats: list[tuple[str, str]] = Field(
        description="Captures left out, each with the equal one that is kept."
    )
