"""Which seconds of a car's recordings its profile is learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ml.can.frames import Frames
from ml.can.profiles import VehicleProfile, learn_profile
from ml.can.profiles.learning import LEAST_FRAMES
from ml.can.recordings import Recording
from ml.config import config
from ml.errors import InvalidInput

LEAST_SECONDS = 1.0
THIN_SECONDS = 5.0


@config
class EnrolmentConfig:
    """How cars are enrolled whose recordings are in the dataset.

    Attributes:
        seconds: most benign traffic a car is enrolled with.
        lead_seconds: most of it that one recording with attacks gives, from the end of its benign
            stretch.
        sources: "all" recordings of the car, or its "attack-free" ones where it has any.
    """

    seconds: Annotated[float, Field(ge=LEAST_SECONDS, le=3600)] = 30.0
    lead_seconds: Annotated[float, Field(ge=LEAST_SECONDS, le=3600)] = 5.0
    sources: Literal["all", "attack-free"] = "all"


@dataclass(frozen=True)
class Stretch:
    """Traffic of one capture from one time to another, in the capture's own seconds."""

    capture: str
    start: float
    end: float


@dataclass(frozen=True)
class Enrolment:
    """A car's profile and the traffic that it was learnt from."""

    vehicle: str
    stretches: tuple[Stretch, ...]
    profile: VehicleProfile

    @property
    def seconds(self) -> float:
        """Seconds of traffic in all."""
        return sum(s.end - s.start for s in self.stretches)

    def shares(
        self, capture: str, start: NDArray[np.float64], end: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """(W,) whether each window of a capture shares time with the enrolment.

        Args:
            capture: the capture's name.
            start: (W,) seconds of each window's first frame.
            end: (W,) seconds of its last one.
        """
        shared = np.zeros(len(start), bool)
        for own in (s for s in self.stretches if s.capture == capture):
            shared |= (end >= own.start) & (start <= own.end)
        return shared


@dataclass(frozen=True)
class _Source:
    """A recording's benign stretch, and how many of its seconds an enrolment may take."""

    recording: Recording
    stretch: slice
    seconds: float

    def piece(self, seconds: float) -> Frames:
        """The first seconds of attack-free traffic, the last ones before an attack."""
        frames = self.recording.frames[self.stretch]
        time = frames.timestamp
        if self.recording.attacked:
            return frames[slice(int(np.searchsorted(time, time[-1] - seconds)), len(frames))]
        return frames[slice(0, int(np.searchsorted(time, time[0] + seconds, "right")))]


def enrol(vehicle: str, recordings: Sequence[Recording], config: EnrolmentConfig) -> Enrolment:
    """Enrol a car with benign seconds spread evenly over its recordings.

    Traffic of several drives shows more of a car's states than as much of a single one.

    Args:
        vehicle: the car.
        recordings: all of the car's.
        config: how much to take, and from which.

    Raises:
        InvalidInput: the recordings hold too little benign traffic.
    """
    sources = _sources(recordings, config)
    if not sources:
        raise InvalidInput(
            f"Car {vehicle} has no {LEAST_SECONDS:g} s of benign traffic for a profile.",
            "Add an attack-free capture of it, or one whose attack starts later.",
            vehicle=vehicle,
        )
    level = _level([s.seconds for s in sources], config.seconds)
    return _learnt(vehicle, [(s, min(s.seconds, level)) for s in sources])


def poorer_enrolments(
    vehicle: str, recordings: Sequence[Recording], full: Enrolment, config: EnrolmentConfig
) -> tuple[Enrolment, ...]:
    """Enrolments that show less of the car than `full`: detectors must learn to live with them.

    One is thin, a few seconds of a single recording; one knows the attack-free traffic alone.
    """
    sources = _sources(recordings, config)
    longest = max(sources, key=lambda s: (s.recording.attacked, s.seconds))
    versions = {full.profile.version: full}
    if len(longest.piece(THIN_SECONDS)) >= LEAST_FRAMES:
        thin = _learnt(vehicle, [(longest, min(longest.seconds, THIN_SECONDS))])
        versions.setdefault(thin.profile.version, thin)
    calm = enrol(vehicle, recordings, replace(config, sources="attack-free"))
    versions.setdefault(calm.profile.version, calm)
    return tuple(versions.values())[1:]


def _sources(recordings: Sequence[Recording], config: EnrolmentConfig) -> list[_Source]:
    sources = []
    for recording in recordings:
        stretch = recording.benign_stretch
        time = recording.frames.timestamp[stretch]
        length = float(time[-1] - time[0]) if len(time) else 0.0
        most = config.lead_seconds if recording.attacked else config.seconds
        if length >= LEAST_SECONDS:
            sources.append(_Source(recording, stretch, min(length, most)))
    # Traffic under an attack that leaves no frame to label, such as a suppression, shows no car.
    sources = [s for s in sources if s.recording.trustworthy] or sources
    calm = [s for s in sources if not s.recording.attacked]
    if config.sources == "attack-free" and calm:
        return calm
    # A car of which only attacks were recorded is enrolled with one short stretch.
    return sources if calm else sorted(sources, key=lambda s: -s.seconds)[:1]


def _level(available: Sequence[float], total: float) -> float:
    """The most that each source gives, so that all of them give `total` together."""
    left, level = total, 0.0
    for n, seconds in enumerate(sorted(available)):
        share = left / (len(available) - n)
        level = max(level, min(seconds, share))
        left -= min(seconds, share)
    return level


def _learnt(vehicle: str, taken: Sequence[tuple[_Source, float]]) -> Enrolment:
    pieces = [(s.recording.capture.name, s.piece(seconds)) for s, seconds in taken]
    stretches = tuple(
        Stretch(name, float(p.timestamp[0]), float(p.timestamp[-1])) for name, p in pieces
    )
    try:
        return Enrolment(vehicle, stretches, learn_profile([p for _, p in pieces]))
    except InvalidInput as error:
        raise InvalidInput(f"Car {vehicle}: {error.detail}", error.hint, vehicle=vehicle) from error
