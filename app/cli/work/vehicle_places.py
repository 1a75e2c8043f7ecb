"""Where enrolled vehicles are: the local store, or a service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from app.cli.work.remote import told
from app.vehicles.enrolment import PAUSE_SECONDS, beginning, enrol
from app.vehicles.learnt import learnt
from app.vehicles.schemas import EnrolledVehicle
from app.vehicles.service import details, listing
from canfuse_client import Client
from ml.can.frames import Frames
from ml.can.profiles.card import LONGEST_SOURCE, check_vehicle
from ml.can.profiles.store import ProfileStore
from ml.can.writers import write_log


@dataclass(frozen=True)
class Wanted:
    """An enrolment that is asked for; see `app.vehicles.enrolment.enrol`."""

    vehicle: str
    recordings: Sequence[Frames]
    source: str
    seconds: float | None
    accept_findings: bool


class Place(Protocol):
    """Vehicles as JSON-able values, as the service tells them."""

    def enrol(self, wanted: Wanted) -> dict[str, Any]:
        """Enrol a vehicle; gives its card."""

    def list(self) -> dict[str, Any]:
        """The enrolled vehicles."""

    def details(self, vehicle: str) -> dict[str, Any]:
        """A vehicle's card and versions."""

    def learnt(self, vehicle: str) -> dict[str, Any]:
        """What was learnt of it."""

    def delete(self, vehicle: str) -> None:
        """Delete a vehicle."""


class LocalPlace:
    """The vehicles of the local store."""

    def __init__(self, store: ProfileStore) -> None:
        self._store = store

    def enrol(self, wanted: Wanted) -> dict[str, Any]:
        """Enrol a vehicle; gives its card."""
        card, _ = enrol(
            self._store,
            wanted.vehicle,
            wanted.recordings,
            source=wanted.source,
            seconds=wanted.seconds,
            accept_findings=wanted.accept_findings,
        )
        return EnrolledVehicle.after(card, None).model_dump(mode="json")

    def list(self) -> dict[str, Any]:
        """The enrolled vehicles."""
        return listing(self._store, None).model_dump(mode="json")

    def details(self, vehicle: str) -> dict[str, Any]:
        """A vehicle's card and versions."""
        return details(self._store, vehicle).model_dump(mode="json")

    def learnt(self, vehicle: str) -> dict[str, Any]:
        """What was learnt of it."""
        return learnt(self._store.load(vehicle)).model_dump(mode="json")

    def delete(self, vehicle: str) -> None:
        """Delete a vehicle."""
        self._store.delete(vehicle)


class RemotePlace:
    """The vehicles of a service."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def enrol(self, wanted: Wanted) -> dict[str, Any]:
        """Enrol a vehicle; gives its card."""
        with told(), TemporaryDirectory(prefix="canfuse-") as folder:
            path = write_log(one_recording(wanted), Path(folder) / "traffic.parquet")
            card = self._client.enrol_log(
                wanted.vehicle,
                path,
                source=wanted.source[:LONGEST_SOURCE],
                accept_findings=wanted.accept_findings,
            )
        return card.model_dump(mode="json")

    def list(self) -> dict[str, Any]:
        """The enrolled vehicles."""
        return self._client.vehicles().model_dump(mode="json")

    def details(self, vehicle: str) -> dict[str, Any]:
        """A vehicle's card and versions."""
        check_vehicle(vehicle)
        return self._client.vehicle(vehicle).model_dump(mode="json")

    def learnt(self, vehicle: str) -> dict[str, Any]:
        """What was learnt of it."""
        return self._client.profile(vehicle).model_dump(mode="json")

    def delete(self, vehicle: str) -> None:
        """Delete a vehicle."""
        check_vehicle(vehicle)
        self._client.delete_vehicle(vehicle)


def one_recording(wanted: Wanted) -> Frames:
    """Several recordings as one, with pauses between them that tell them apart."""
    parts, end = [], 0.0
    for recording in wanted.recordings:
        frames = beginning(recording.traffic(), wanted.seconds)
        if len(frames):
            moved = frames.timestamp - frames.timestamp[0] + end
            parts.append(replace(frames, timestamp=moved))
            end = float(moved[-1]) + 2 * PAUSE_SECONDS
    return Frames.concat(parts)
