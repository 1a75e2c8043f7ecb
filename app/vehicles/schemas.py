"""Vehicles over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from app.scoring.schemas import LogReport
from ml.can.profiles.card import ProfileCard


class FindingView(BaseModel):
    """Something about the traffic that a vehicle was enrolled with."""

    model_config = ConfigDict(from_attributes=True)

    severity: Literal["warning", "refusal"] = Field(
        description="A refusal stays out of the store unless it was accepted."
    )
    code: str = Field(description="Stable name of what was found.")
    detail: str
    fix: str = Field(description="What to do about it.")


class ProfileSummary(BaseModel):
    """A version of a vehicle's profile."""

    model_config = ConfigDict(from_attributes=True)

    version: str = Field(description="Digest of its content.")
    created_at: datetime
    seconds: float = Field(description="Seconds of traffic that it was learnt from.")
    frames: int
    ids: int = Field(description="Different identifiers.")
    frame_rate: float | None = Field(description="Frames a second.")
    findings: list[FindingView]
    source: str = Field(description="Where the traffic came from, as was said.")


class VehicleLinks(BaseModel):
    """Where more about the vehicle is."""

    self: str
    profile: str = Field(description="What was learnt of it.")
    picture: str = Field(description="The same as an image.")


class VehicleCard(ProfileSummary):
    """An enrolled vehicle and its present profile."""

    vehicle: str
    links: VehicleLinks

    @classmethod
    def of(cls, card: ProfileCard) -> Self:
        """Tell about a vehicle."""
        here = f"/vehicles/{card.vehicle}"
        summary = ProfileSummary.model_validate(card).model_dump()
        links = VehicleLinks(self=here, profile=f"{here}/profile", picture=f"{here}/picture")
        return cls(**summary, vehicle=card.vehicle, links=links)


class EnrolledVehicle(VehicleCard):
    """A vehicle as it was just enrolled."""

    log: LogReport | None = Field(description="For a log: how its reading went.")

    @classmethod
    def after(cls, card: ProfileCard, log: LogReport | None) -> Self:
        """Tell about a vehicle that was just enrolled."""
        return cls(**VehicleCard.of(card).model_dump(), log=log)


class VehicleDetails(VehicleCard):
    """An enrolled vehicle with all versions of its profile that are kept."""

    versions: list[ProfileSummary] = Field(description="The newest first.")


class UnreadableVehicle(BaseModel):
    """An enrolled vehicle whose files are damaged."""

    vehicle: str
    reason: str


class ReleaseVehicles(BaseModel):
    """The cars that the release in use was trained on; they need no enrolment."""

    release: str
    vehicles: list[str]


class VehicleList(BaseModel):
    """The vehicles that `POST /score?vehicle=` knows."""

    vehicles: list[VehicleCard]
    unreadable: list[UnreadableVehicle] = Field(description="These have to be enrolled again.")
    release: ReleaseVehicles | None = Field(description="Null where no release is in use.")
