"""What is told of an enrolled vehicle's profile without loading it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from ml.can.profiles import Finding, VehicleProfile
from ml.config import config
from ml.errors import CanfuseError, InvalidInput, NotFound

VEHICLE = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
VERSION = r"[0-9a-f]{16}"
LONGEST_SOURCE = 200
LARGEST_CARD = 1 << 20


class NoVehicle(NotFound):
    """No vehicle of that name is enrolled."""

    slug = "no-vehicle"


class ProfileCorrupt(CanfuseError):
    """A vehicle's files are not what they say."""

    slug = "profile-corrupt"


@config
class ProfileCard:
    """What is told of a profile without loading it.

    Attributes:
        vehicle: whose it is.
        version: digest of its content, 16 hexadecimal digits.
        created_at: ISO 8601, UTC.
        seconds: of traffic that it was learnt from.
        frames: of that traffic.
        ids: identifiers in it.
        frame_rate: frames a second; None where the traffic took no time.
        findings: what was found in that traffic.
        source: where the traffic came from, for people.
    """

    vehicle: str
    version: str
    created_at: datetime
    seconds: float
    frames: int
    ids: int
    frame_rate: float | None
    findings: tuple[Finding, ...]
    source: str


_CARD = TypeAdapter(ProfileCard)


def card_of(
    vehicle: str, profile: VehicleProfile, findings: Sequence[Finding], source: str
) -> ProfileCard:
    """The card of a profile that was just learnt."""
    return ProfileCard(
        vehicle=vehicle,
        version=profile.version,
        created_at=datetime.now(UTC),
        seconds=float(profile.seconds),
        frames=int(profile.frames),
        ids=len(profile.ids),
        frame_rate=profile.frames / profile.seconds if profile.seconds > 0 else None,
        findings=tuple(findings),
        source=source[:LONGEST_SOURCE],
    )


def card_bytes(card: ProfileCard) -> bytes:
    """A card as it is stored."""
    return _CARD.dump_json(card, indent=1)


def read_card(path: Path, vehicle: str, version: str) -> ProfileCard:
    """Read the card of a vehicle's version.

    Raises:
        ProfileCorrupt: it cannot be read, or tells of another one.
    """
    try:
        if path.stat().st_size > LARGEST_CARD:
            raise corrupt(vehicle, f"{path.name} is too large")
        card = _CARD.validate_json(path.read_bytes())
    except (ValidationError, OSError) as error:
        raise corrupt(vehicle, f"{path.name} cannot be read") from error
    if (card.vehicle, card.version) != (vehicle, version):
        raise corrupt(vehicle, f"{path.name} tells of another profile")
    return card


def check_vehicle(name: str) -> None:
    """Make sure that a vehicle may be called so.

    Raises:
        InvalidInput: it may not.
    """
    if not re.fullmatch(VEHICLE, name):
        raise InvalidInput(
            f"{name[:80]!r} names no vehicle.",
            "Use letters, digits, '.', '_' and '-', at most 64, a letter or digit first.",
        )


def corrupt(vehicle: str, what: str) -> ProfileCorrupt:
    """The error for a vehicle's file that is not what it says."""
    return ProfileCorrupt(
        f"The profile of '{vehicle}' is corrupt: {what.rstrip('.')}.", "Enrol the vehicle again."
    )
