"""Benign driving: what a vehicle's controllers ask to send, and when."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ml.can.frames import CLASSIC_BYTES, Flag, Frames
from ml.can.simulation.vehicles import SIGNALS, Message, Vehicle, checksum

STEP = 0.01  # seconds between two values of a signal
SMOOTHING = 50  # steps of the moving average
WANDER = 0.02  # standard deviation of a signal's change in one step, before smoothing
STATUS_CHANGES = 0.1  # a second
CLOCK_SKEW = 2e-4  # standard deviation of a controller's relative clock error


def drive(vehicle: Vehicle, seconds: float, jitter: float, rng: np.random.Generator) -> Frames:
    """One benign drive, before arbitration.

    Args:
        vehicle: who drives.
        seconds: for how long.
        jitter: standard deviation of release times, as a share of each period.
        rng: source of randomness.

    Returns:
        frames whose timestamps are the moments at which controllers want to send, in time order,
        labelled 0.
    """
    signals = _signals(seconds, rng)
    streams = [_stream(m, signals, seconds, jitter, rng) for m in vehicle.messages]
    return Frames.concat(streams).in_time_order()[0]


def frames_of(
    message: Message, times: NDArray[np.float64], payload: NDArray[np.uint8], *, label: int
) -> Frames:
    """Frames of one message.

    Args:
        message: which message.
        times: (n,) seconds.
        payload: (n, 8) bytes.
        label: 1 for an attack.
    """
    n = len(times)
    return Frames(
        timestamp=times,
        can_id=np.full(n, message.can_id, np.uint32),
        flags=np.full(n, Flag.EXTENDED if message.extended else 0, np.uint8),
        length=np.full(n, len(message.base), np.uint8),
        payload=payload,
        label=np.full(n, label, np.uint8),
    )


def set_sensors(message: Message, payload: NDArray[np.uint8], values: NDArray[np.float64]) -> None:
    """Write sensor values into payloads, in place, and renew the checksum.

    Args:
        message: whose bytes these are.
        payload: (n, 8) bytes.
        values: (n, sensors) shares of full range, 0 to 1.
    """
    raw = np.rint(np.clip(values, 0, 1) * 0xFFFF).astype(np.uint16)
    for column, sensor in enumerate(message.sensors):
        payload[:, sensor.byte] = raw[:, column] >> 8
        payload[:, sensor.byte + 1] = raw[:, column] & 0xFF
    if message.checksum is not None:
        payload[:, message.checksum] = checksum(message, payload)


def _signals(seconds: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """(SIGNALS, steps) smooth random walks, folded back and forth into 0 to 1."""
    steps = int(seconds / STEP) + 2
    change = rng.normal(0, WANDER, (SIGNALS, steps + SMOOTHING - 1))
    walk = rng.uniform(0, 2, (SIGNALS, 1)) + np.cumsum(change, axis=1)
    ends = np.pad(np.cumsum(walk, axis=1), ((0, 0), (1, 0)))
    smooth = (ends[:, SMOOTHING:] - ends[:, :-SMOOTHING]) / SMOOTHING
    return np.abs(smooth % 2 - 1)


def _stream(
    message: Message,
    signals: NDArray[np.float64],
    seconds: float,
    jitter: float,
    rng: np.random.Generator,
) -> Frames:
    times = _releases(message, seconds, jitter, rng)
    n = len(times)
    payload = np.zeros((n, CLASSIC_BYTES), np.uint8)
    payload[:, : len(message.base)] = message.base
    if message.counter is not None:
        count = rng.integers(16) + np.arange(n)
        payload[:, message.counter] = (payload[:, message.counter] & 0xF0) | (count % 16)
    if message.status is not None:
        changes = np.cumsum(rng.random(n) < STATUS_CHANGES * message.period)
        payload[:, message.status] ^= (changes % 4).astype(np.uint8)
    grid = np.arange(signals.shape[1]) * STEP
    values = [
        s.offset + s.scale * np.interp(times, grid, signals[s.signal]) for s in message.sensors
    ]
    set_sensors(message, payload, np.reshape(values, (len(values), n)).T)
    return frames_of(message, times, payload, label=0)


def _releases(
    message: Message, seconds: float, jitter: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    period = message.period * (1 + rng.normal(0, CLOCK_SKEW))
    times = np.arange(message.phase, seconds, period)
    late = np.clip(rng.normal(0, jitter, len(times)), -3 * jitter, 3 * jitter) * message.period
    return np.sort(np.maximum(times + late, 0.0))
