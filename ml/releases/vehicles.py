"""The cars that a release was trained on: their profiles, as part of its bundle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from ml.can.profiles import VehicleProfile
from ml.can.profiles.enrolment import Enrolment, Stretch
from ml.errors import InvalidInput

VEHICLES = "vehicles.json"


def save_vehicles(folder: Path, enrolments: Mapping[str, Enrolment]) -> None:
    """Write `vehicles.json` and each car's profile, in a file named by the profile's version."""
    (folder / "profiles").mkdir()
    for enrolment in enrolments.values():
        enrolment.profile.save(_file(folder, enrolment.profile.version))
    cars = {
        car: {"profile": e.profile.version, "stretches": [asdict(s) for s in e.stretches]}
        for car, e in sorted(enrolments.items())
    }
    (folder / VEHICLES).write_text(json.dumps(cars, indent=1))


def load_vehicles(folder: Path) -> dict[str, Enrolment]:
    """Read what `save_vehicles` wrote, by car.

    Raises:
        InvalidInput: a profile is none, or not the one that is named.
    """
    cars = json.loads((folder / VEHICLES).read_text())
    return {
        car: Enrolment(
            car,
            tuple(Stretch(**stretch) for stretch in facts["stretches"]),
            _profile(folder, facts["profile"]),
        )
        for car, facts in cars.items()
    }


def _profile(folder: Path, version: str) -> VehicleProfile:
    # Looked for in the folder rather than put into a path, out of which the name might lead.
    files = [path for path in (folder / "profiles").iterdir() if path.stem == version]
    profile = VehicleProfile.load(files[0]) if files else None
    if profile is None or profile.version != version:
        raise InvalidInput(f"There is no profile {version[:80]!r}.", "Train the release again.")
    return profile


def _file(folder: Path, version: str) -> Path:
    return folder / "profiles" / f"{version}.safetensors"
