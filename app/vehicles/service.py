"""Tells about the vehicles that are enrolled."""

from __future__ import annotations

from app.vehicles.schemas import (
    ProfileSummary,
    ReleaseVehicles,
    UnreadableVehicle,
    VehicleCard,
    VehicleDetails,
    VehicleList,
)
from ml.can.profiles.card import NoVehicle, ProfileCorrupt
from ml.can.profiles.store import ProfileStore
from ml.scoring import Scorer


def listing(store: ProfileStore, scorer: Scorer | None) -> VehicleList:
    """Every enrolled vehicle in order of name, damaged ones apart, and the release's own."""
    cards, unreadable = [], []
    for name in store.names():
        try:
            cards.append(VehicleCard.of(store.card(name)))
        except ProfileCorrupt as error:
            unreadable.append(UnreadableVehicle(vehicle=name, reason=error.detail))
        except NoVehicle:
            continue  # deleted meanwhile
    own = (
        ReleaseVehicles(release=scorer.version, vehicles=sorted(scorer.profiles))
        if scorer
        else None
    )
    return VehicleList(vehicles=cards, unreadable=unreadable, release=own)


def details(store: ProfileStore, vehicle: str) -> VehicleDetails:
    """A vehicle with its versions.

    Raises:
        NoVehicle: it is not enrolled.
        ProfileCorrupt: its card cannot be read.
    """
    card = VehicleCard.of(store.card(vehicle))
    versions = [ProfileSummary.model_validate(c) for c in store.versions(vehicle)]
    return VehicleDetails(**card.model_dump(), versions=versions)
