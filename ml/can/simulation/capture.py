"""One simulated capture, from a vehicle's design to the frames that a logger saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.can.frames import Frames
from ml.can.simulation.attacks import Scene, plan_bursts, under_attack
from ml.can.simulation.bus import arbitrate
from ml.can.simulation.config import Attack, SimulationConfig
from ml.can.simulation.traffic import drive
from ml.can.simulation.vehicles import Vehicle, design_vehicle, generator


@dataclass(frozen=True)
class Recording:
    """A capture and when it was under attack.

    Attributes:
        frames: what the logger saw, labelled.
        intervals: (start, stop) of each attack burst, seconds.
    """

    frames: Frames
    intervals: tuple[tuple[float, float], ...] = ()


def vehicle_of(config: SimulationConfig, name: str) -> Vehicle:
    """The design of one of the config's vehicles; every other one has 29-bit identifiers too."""
    extended = config.vehicles.index(name) % 2 == 1
    return design_vehicle(name, config.seed, extended=extended)


def record(config: SimulationConfig, split: str, vehicle: str, attack: Attack | None) -> Recording:
    """Simulate one capture.

    Args:
        config: the dataset that it belongs to.
        split: the split that it is for; each split sees other drives.
        vehicle: who drives.
        attack: what is done to it, None for nothing.
    """
    rng = generator(config.seed, split, vehicle, attack or "")
    design = vehicle_of(config, vehicle)
    benign = drive(design, config.seconds, config.jitter, rng)
    if attack is None:
        return Recording(arbitrate(benign))
    bursts = plan_bursts(config.seconds, config.bursts, config.attack_share, rng)
    target = design.targets[rng.integers(len(design.targets))]
    frames = arbitrate(under_attack(attack, Scene(benign, target, bursts, rng)))
    return Recording(frames, _intervals(frames, bursts))


def _intervals(frames: Frames, bursts: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    """The bursts as seen on the bus, where the last of a burst's frames may have had to wait."""
    times = frames.timestamp if frames.label is None else frames.timestamp[frames.label == 1]
    stops = bursts[:, 1].copy()
    if len(times):
        ends = np.searchsorted(times, np.append(bursts[1:, 0], np.inf)) - 1
        stops = np.maximum(stops, times[ends])
    return tuple((float(a), float(b)) for a, b in zip(bursts[:, 0], stops, strict=True))
