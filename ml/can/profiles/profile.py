"""What is usual on the bus of one vehicle."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ml.can.features.names import CAP, RECORDED
from ml.can.profiles.checks import Checks
from ml.can.profiles.companions import Companions
from ml.can.profiles.intervals import Intervals
from ml.can.profiles.movement import Movement
from ml.can.profiles.surprises import Floats
from ml.can.profiles.tables import IDS, Array, checked, table, tables_of
from ml.can.profiles.traffic import MOST_SECONDS
from ml.can.profiles.transitions import Transitions
from ml.can.profiles.values import Lengths, Values
from ml.can.runs import Ints
from ml.errors import InvalidInput
from ml.files import write_atomically

SCHEMA = "2"
MOST_IDS = 1024
MOST_FRAMES = 1e9
MOST_BYTES = 1 << 27
SECTIONS: Mapping[str, type] = {
    "lengths": Lengths,
    "intervals": Intervals,
    "values": Values,
    "movement": Movement,
    "checks": Checks,
    "companions": Companions,
    "transitions": Transitions,
}


@dataclass(frozen=True, eq=False)
class VehicleProfile:
    """Benign traffic of one car, as tables over its I ids.

    Attributes:
        ids: (I,) uint32 arbitration ids, ascending.
        frames_of_id: (I,) frames of each.
        span: (1,) seconds of traffic in all.
        record: (I, len(RECORDED)) the most that held-out enrolment reached of each node feature.
        lengths, intervals, values, movement, checks, companions, transitions: see each.
    """

    lengths: Lengths
    intervals: Intervals
    values: Values
    movement: Movement
    checks: Checks
    companions: Companions
    transitions: Transitions
    ids: Annotated[NDArray[np.uint32], table(IDS, dtype="uint32", ascending=True)]
    frames_of_id: Annotated[Ints, table(IDS, dtype="int64", low=1, high=MOST_FRAMES)]
    span: Annotated[NDArray[np.float64], table(1, dtype="float64", low=0, high=MOST_SECONDS)]
    record: Annotated[Floats, table(IDS, len(RECORDED), dtype="float32", low=0, high=8 * CAP)]

    @property
    def seconds(self) -> float:
        """How much traffic it is from."""
        return float(self.span[0])

    @property
    def frames(self) -> int:
        """How many frames it is from."""
        return int(self.frames_of_id.sum())

    @property
    def rate(self) -> float:
        """Frames a second."""
        return self.frames / max(self.seconds, 1e-3)

    def places(self, arbitration: NDArray[np.uint32]) -> tuple[Ints, NDArray[np.bool_]]:
        """Place of each id among `ids`, and whether it is there; two arrays of shape (n,)."""
        place = np.minimum(np.searchsorted(self.ids, arbitration), len(self.ids) - 1)
        return place, self.ids[place] == arbitration

    @cached_property
    def version(self) -> str:
        """16 hex digits that differ between any two profiles of different content."""
        digest = hashlib.sha256(SCHEMA.encode())
        for name, array in sorted(self._arrays().items()):
            digest.update(f"{name} {array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]

    def save(self, path: Path) -> None:
        """Write it as safetensors; the file appears whole or not at all."""
        arrays = {k: np.ascontiguousarray(v) for k, v in self._arrays().items()}
        write_atomically(path, save(arrays, {"schema": SCHEMA}))

    @staticmethod
    def load(path: Path) -> VehicleProfile:
        """Read what `save` wrote.

        Raises:
            InvalidInput: it is no profile, of another schema, or has a table that cannot be.
        """
        if path.is_file() and path.stat().st_size > MOST_BYTES:
            raise InvalidInput(
                f"{path.name} has {path.stat().st_size} bytes; no profile is over {MOST_BYTES}.",
                "Enrol the vehicle again.",
            )
        try:
            with safe_open(path, framework="np") as stored:
                schema = (stored.metadata() or {}).get("schema")
                arrays = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, ValueError, TypeError) as error:
            raise InvalidInput(
                f"{path.name} is no vehicle profile: {error}.", "Enrol the vehicle again."
            ) from error
        if schema != SCHEMA:
            raise InvalidInput(
                f"{path.name} is a profile of schema {schema}, and this program reads {SCHEMA}.",
                "Enrol the vehicle again.",
            )
        return VehicleProfile.of_arrays(arrays)

    @staticmethod
    def of_arrays(arrays: Mapping[str, Array]) -> VehicleProfile:
        """Put tables together that may come from anywhere.

        Raises:
            InvalidInput: one is missing or cannot be.
        """
        lengths: dict[str, int] = {}
        own: dict[str, Any] = checked(arrays, VehicleProfile, "", lengths)
        if not 1 <= lengths[IDS] <= MOST_IDS:
            raise InvalidInput(
                f"This profile has {lengths[IDS]} ids; one has 1 to {MOST_IDS}.",
                "Enrol the vehicle again.",
            )
        for name, section in SECTIONS.items():
            own[name] = section(**checked(arrays, section, f"{name}.", lengths))
        profile = VehicleProfile(**own)
        profile._check_references()
        return profile

    def _check_references(self) -> None:
        ids = len(self.ids)
        in_range = self.companions.place.max(initial=-1) < ids
        known = self.transitions.seen.max(initial=0) < ids * ids
        if not (in_range and known and len(self.values.payloads)):
            raise InvalidInput(
                "This is no vehicle profile: a table names an id that is not in it.",
                "Enrol the vehicle again.",
            )

    def _arrays(self) -> dict[str, Array]:
        arrays = {name: getattr(self, name) for name in tables_of(VehicleProfile)}
        for prefix, kind in SECTIONS.items():
            section = getattr(self, prefix)
            arrays |= {f"{prefix}.{name}": getattr(section, name) for name in tables_of(kind)}
        return arrays
