"""Which vehicle's profile traffic is seen relative to."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from app.settings import Unenrolled
from ml.can.frames import Frames
from ml.can.profiles import VehicleProfile
from ml.can.profiles.card import NoVehicle
from ml.can.profiles.store import ProfileStore
from ml.errors import InvalidInput
from ml.scoring import Scorer

# Below this share of frames with known identifiers a profile hardly fits the traffic.
WELL_KNOWN = 0.9
NAMED = 10
_ENROL = "Enrol it with PUT /vehicles/{id}/profile or `canfuse enrol`"


class VehicleNeeded(InvalidInput):
    """Traffic must name its vehicle here."""

    slug = "vehicle-needed"


@dataclass(frozen=True)
class Seen:
    """A vehicle, and how well its profile fits some traffic.

    Attributes:
        id: the vehicle.
        profile: version of its profile.
        enrolled: whether the profile is an enrolled vehicle's, rather than of a car that the
            release was trained on.
        known_frames: share of the frames whose identifier the profile knows.
        note: what to keep in mind about the verdicts, if anything.
    """

    id: str
    profile: str
    enrolled: bool
    known_frames: float
    note: str | None


class Vehicles:
    """The profiles to see traffic relative to: the enrolled ones, then each release's own.

    Keeps the latest used ones in memory. Safe to share between threads.

    Args:
        store: the enrolled ones.
        unenrolled: what becomes of traffic that names no vehicle.
        keep: how many profiles are kept; each takes some megabytes.
    """

    def __init__(
        self, store: ProfileStore, unenrolled: Unenrolled = "best_effort", keep: int = 16
    ) -> None:
        self.store = store
        self.unenrolled = unenrolled
        self.keep = keep
        self._profiles: OrderedDict[tuple[str, str], VehicleProfile] = OrderedDict()
        self._looking = threading.Lock()

    def see(
        self, scorer: Scorer, frames: Frames, vehicle: str | None
    ) -> tuple[VehicleProfile, Seen]:
        """The profile to score some traffic with, and what to tell about that.

        Args:
            scorer: the release that will score.
            frames: the traffic.
            vehicle: the vehicle that it is from, if that was said.

        Raises:
            NoVehicle: neither an enrolled one nor one of the release's is called so.
            VehicleNeeded: none was named, and that is refused here.
        """
        if vehicle is not None:
            profile, enrolled = self._named(scorer, vehicle)
            known = known_share(frames, profile)
            notes = [None if enrolled else _own_car(scorer.version), _hardly_fits(known)]
            note = " ".join(filter(None, notes)) or None
            return profile, Seen(vehicle, profile.version, enrolled, known, note)
        if self.unenrolled == "refuse":
            raise VehicleNeeded(
                "The traffic names no vehicle, and this service scores no unenrolled ones.",
                f"Name it by `vehicle`. {_ENROL} first.",
            )
        if not scorer.profiles:
            raise VehicleNeeded(
                f"The traffic names no vehicle, and release {scorer.version} has none of its own.",
                f"Name it by `vehicle`. {_ENROL} first.",
            )
        name, known = scorer.closest(frames)
        profile = scorer.profiles[name]
        return profile, Seen(name, profile.version, False, known, _stands_in(name, known))

    def _named(self, scorer: Scorer, vehicle: str) -> tuple[VehicleProfile, bool]:
        """The named vehicle's profile, and whether it is an enrolled one's."""
        try:
            return self._enrolled(vehicle), True
        except (NoVehicle, InvalidInput):
            if vehicle not in scorer.profiles:
                raise self._unknown(scorer, vehicle) from None
        return scorer.profiles[vehicle], False

    def _enrolled(self, vehicle: str) -> VehicleProfile:
        key = (vehicle, self.store.current(vehicle))
        with self._looking:
            if (profile := self._profiles.get(key)) is not None:
                self._profiles.move_to_end(key)
                return profile
        profile = self.store.load(*key)
        with self._looking:
            self._profiles[key] = profile
            while len(self._profiles) > self.keep:
                self._profiles.popitem(last=False)
        return profile

    def _unknown(self, scorer: Scorer, vehicle: str) -> NoVehicle:
        known = sorted({*self.store.names(), *scorer.profiles})
        told = ", ".join(known[:NAMED]) + (", …" if len(known) > NAMED else "")
        return NoVehicle(
            f"Vehicle '{vehicle[:80]}' is neither enrolled nor one of release {scorer.version}'s.",
            f"{_ENROL}; known are: {told or 'none yet'}.",
            known=known[:1000],
        )


def known_share(frames: Frames, profile: VehicleProfile) -> float:
    """Share of the traffic's frames whose identifier a profile knows; 1 where there are none."""
    traffic = frames.traffic()
    return float(profile.places(traffic.arbitration)[1].mean()) if len(traffic) else 1.0


def _own_car(release: str) -> str:
    return (
        f"It is not enrolled here: seen as the car of that name that release {release} was trained "
        "on. If it is another one, enrol it."
    )


def _hardly_fits(known: float) -> str | None:
    if known >= WELL_KNOWN:
        return None
    return (
        f"Only {known:.0%} of the frames have identifiers that the profile knows. Unless an attack "
        "sends the others, this traffic hardly fits the profile: enrol the car."
    )


def _stands_in(name: str, known: float) -> str:
    return (
        f"No vehicle was named: the traffic was seen relative to '{name}', the release's car that "
        f"knows most of it, {known:.0%} of the frames. Verdicts on a car that is not enrolled are "
        "not to be relied on: enrol the car, and name it by `vehicle`."
    )
