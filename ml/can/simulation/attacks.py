"""Attacks on simulated traffic, before arbitration; every attacker's frame is labelled 1.

A suppression removes frames and so leaves none to label: its intervals alone tell of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.can.frames import CLASSIC_BYTES, Frames
from ml.can.simulation.config import Attack
from ml.can.simulation.traffic import frames_of, set_sensors
from ml.can.simulation.vehicles import Message

FLOOD_PERIOD = 0.00035  # seconds; leaves just enough of the bus for the vehicle
FUZZ_PERIOD = 0.001  # seconds, mean
SPOOF_FACTOR = 5  # forged frames for each legitimate one
REPLAY_DELAY = 0.0001  # seconds that the replaying device is late
LEAST_FORGERY = 0.25  # of full range; so much room is always above or below a sensor's values


@dataclass(frozen=True)
class Scene:
    """What an attacker meets.

    Attributes:
        benign: the vehicle's requests, in time order.
        target: the message attacked by the kinds that aim at one.
        bursts: (B, 2) start and stop of each burst, seconds.
        rng: source of randomness.
    """

    benign: Frames
    target: Message
    bursts: NDArray[np.float64]
    rng: np.random.Generator

    @property
    def targeted(self) -> NDArray[np.bool_]:
        """(n,) True for the target's benign frames within a burst."""
        times = self.benign.timestamp
        burst = np.searchsorted(self.bursts[:, 0], times, side="right") - 1
        in_burst = (burst >= 0) & (times < self.bursts[burst, 1])
        rows: NDArray[np.bool_] = in_burst & (self.benign.can_id == self.target.can_id)
        return rows


def under_attack(kind: Attack, scene: Scene) -> Frames:
    """The requests with the attack among them, in time order."""
    return _ATTACKS[kind](scene).in_time_order()[0]


def plan_bursts(
    seconds: float, bursts: int, share: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """(B, 2) start and stop of each burst.

    The capture is cut into equal cycles. In each, a benign stretch at least as long as the burst
    comes first, so that a replay finds something to replay.
    """
    cycle = seconds / bursts
    burst = cycle * share
    start = rng.uniform(0.5, 0.95 - share, bursts) * cycle + np.arange(bursts) * cycle
    return np.round(np.column_stack([start, start + burst]), 3)


def _dos(scene: Scene) -> Frames:
    times = _spread(scene.bursts, FLOOD_PERIOD)
    zero = np.zeros((len(times), CLASSIC_BYTES), np.uint8)
    flood = Message(
        can_id=0, extended=False, period=FLOOD_PERIOD, phase=0, base=(0,) * CLASSIC_BYTES
    )
    return Frames.concat([scene.benign, frames_of(flood, times, zero, label=1)])


def _fuzzing(scene: Scene) -> Frames:
    times = _spread(scene.bursts, FUZZ_PERIOD)
    n = len(times)
    fuzz = Frames(
        timestamp=times + scene.rng.uniform(0, FUZZ_PERIOD, n),
        can_id=scene.rng.integers(0, 0x800, n, dtype=np.uint32),
        flags=np.zeros(n, np.uint8),
        length=np.full(n, CLASSIC_BYTES, np.uint8),
        payload=scene.rng.integers(0, 256, (n, CLASSIC_BYTES), dtype=np.uint8),
        label=np.ones(n, np.uint8),
    )
    return Frames.concat([scene.benign, fuzz])


def _spoofing(scene: Scene) -> Frames:
    """Forged copies of the target's last frame before each burst, counter frozen."""
    times = _spread(scene.bursts, scene.target.period / SPOOF_FACTOR)
    own = scene.benign[scene.benign.can_id == scene.target.can_id]
    before = np.searchsorted(own.timestamp, scene.bursts[:, 0]) - 1
    burst = np.searchsorted(scene.bursts[:, 0], times, side="right") - 1
    payload = own.payload[np.maximum(before, 0)][burst]
    forged = frames_of(scene.target, times, _forged(scene, payload), label=1)
    return Frames.concat([scene.benign, forged])


def _replay(scene: Scene) -> Frames:
    """The stretch before each burst, once more."""
    copies = [scene.benign]
    for start, stop in scene.bursts:
        length = stop - start
        first, last = np.searchsorted(scene.benign.timestamp, [start - length, start])
        copies.append(_again(scene.benign[first:last], length + REPLAY_DELAY))
    return Frames.concat(copies)


def _suppression(scene: Scene) -> Frames:
    return scene.benign[~scene.targeted]


def _masquerade(scene: Scene) -> Frames:
    """The target's controller is silenced; the attacker sends in its place, at its times.

    Counter and checksum stay valid, the sensor values are forged.
    """
    rows = scene.targeted
    payload = _forged(scene, scene.benign.payload[rows])
    forged = frames_of(scene.target, scene.benign.timestamp[rows], payload, label=1)
    return Frames.concat([scene.benign[~rows], forged])


def _forged(scene: Scene, payload: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Payloads whose sensors stand still where the target's never do, checksum renewed."""
    target, payload = scene.target, payload.copy()
    lowest = np.array([s.offset for s in target.sensors])
    highest = np.array([s.offset + s.scale for s in target.sensors])
    nearest_above, nearest_below = highest + LEAST_FORGERY, lowest - LEAST_FORGERY
    share = scene.rng.random(len(target.sensors))
    above, below = nearest_above + share * (1 - nearest_above), share * nearest_below
    values = np.where(highest + lowest < 1, above, below)
    set_sensors(target, payload, np.broadcast_to(values, (len(payload), len(values))))
    return payload


def _spread(bursts: NDArray[np.float64], period: float) -> NDArray[np.float64]:
    """(n,) evenly spaced times that fill the bursts."""
    return np.concatenate([np.arange(start, stop, period) for start, stop in bursts])


def _again(frames: Frames, delay: float) -> Frames:
    return Frames(
        timestamp=frames.timestamp + delay,
        can_id=frames.can_id,
        flags=frames.flags,
        length=frames.length,
        payload=frames.payload,
        label=np.ones(len(frames), np.uint8),
    )


_ATTACKS: Mapping[Attack, Callable[[Scene], Frames]] = {
    "DoS": _dos,
    "fuzzing": _fuzzing,
    "spoofing": _spoofing,
    "replay": _replay,
    "suppression": _suppression,
    "masquerade": _masquerade,
}
