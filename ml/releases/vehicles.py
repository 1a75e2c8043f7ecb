"""The cars that a release was trained on: their profiles, as part of its bundle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from ml.can.profiles import VehicleProfile
from ml.can.profiles.enrolment import Enrolment, Stretch

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
    """Read what `save_vehicles` wrote, by car."""
    cars = json.loads((folder / VEHICLES).read_text())
    return {
        car: Enrolment(
            car,
            tuple(Stretch(**stretch) for stretch in facts["stretches"]),
            VehicleProfile.load(_file(folder, facts["profile"])),
        )
        for car, facts in cars.items()
    }


def _file(folder: Path, version: str) -> Path:
    return folder / "profiles" / f"{version}.safetensors"
