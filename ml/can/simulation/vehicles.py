"""Designs of simulated vehicles: which messages are on their bus and what their bytes mean."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.can.frames import CLASSIC_BYTES

SIGNALS = 8  # physical quantities of a drive that sensor bytes report
PERIODS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # seconds
FEWEST, MOST = (3, 8, 3, 5, 2, 1, 2), (6, 14, 7, 10, 5, 4, 5)  # messages of each period
EXTENDED_SHARE = 0.3
J1939_BASE = 0x18FE0000


@dataclass(frozen=True)
class Sensor:
    """A big-endian 16-bit value: `offset + scale · signal` of full range.

    Attributes:
        byte: index of its first byte.
        signal: index of the physical quantity that it reports.
        offset: value at signal 0, as a share of full range.
        scale: change from signal 0 to 1, as a share of full range.
    """

    byte: int
    signal: int
    offset: float
    scale: float


@dataclass(frozen=True)
class Message:
    """A periodic message and the meaning of its bytes.

    Attributes:
        can_id: 11- or 29-bit identifier.
        extended: True for 29 bits.
        period: seconds between two of them.
        phase: first release, seconds.
        base: the constant bytes, as many as the message is long; other meanings overwrite them.
        counter: index of the byte whose low nibble counts the messages, or None.
        checksum: index of the byte that `checksum` fills, or None.
        status: index of the byte that changes now and then, or None.
        sensors: the values it reports.
    """

    can_id: int
    extended: bool
    period: float
    phase: float
    base: tuple[int, ...]
    counter: int | None = None
    checksum: int | None = None
    status: int | None = None
    sensors: tuple[Sensor, ...] = ()

    @property
    def is_guarded(self) -> bool:
        """True where the message reports a value and protects it by counter and checksum."""
        return bool(self.sensors) and self.counter is not None and self.checksum is not None


@dataclass(frozen=True)
class Vehicle:
    """A vehicle's name and the messages on its bus."""

    name: str
    messages: tuple[Message, ...]

    @property
    def targets(self) -> tuple[Message, ...]:
        """The fast guarded messages, worth attacking."""
        return tuple(m for m in self.messages if m.is_guarded and m.period <= 0.02)


def generator(seed: int, *names: str) -> np.random.Generator:
    """Random numbers that depend on the seed and on what they are for."""
    return np.random.default_rng([seed, *(zlib.crc32(n.encode()) for n in names)])


def design_vehicle(name: str, seed: int, *, extended: bool) -> Vehicle:
    """Invent a vehicle; the same name and seed give the same one.

    Args:
        name: the vehicle's name.
        seed: the dataset's seed.
        extended: give some of its messages 29-bit identifiers.
    """
    rng = generator(seed, "vehicle", name)
    periods = np.repeat(PERIODS, rng.integers(FEWEST, MOST))
    ids = np.sort(rng.choice(np.arange(0x040, 0x7E0), len(periods), replace=False))
    wide = (rng.random(len(periods)) < EXTENDED_SHARE) & (periods > 0.01) & extended
    messages = (
        _message(int(i) | (J1939_BASE if w else 0), bool(w), float(p), guarded=2 <= k < 8, rng=rng)
        for k, (i, w, p) in enumerate(zip(ids, wide, periods, strict=True))
    )
    return Vehicle(name, tuple(messages))


def _message(
    can_id: int, extended: bool, period: float, *, guarded: bool, rng: np.random.Generator
) -> Message:
    length = CLASSIC_BYTES if guarded else int(rng.choice([1, 2, 3, 4, 5, 6, 7, 8, 8, 8, 8]))
    base = tuple(int(b) for b in rng.integers(0, 256, length) * (rng.random(length) < 0.5))
    checksum = length - 1 if length >= 4 and (guarded or rng.random() < 0.4) else None
    counter = length - 2 if length >= 3 and (guarded or rng.random() < 0.5) else None
    free = min(i for i in (counter, checksum, length) if i is not None)
    reports = 2 if guarded else int(rng.integers(0, free // 2 + 1))
    sensors = tuple(_sensor(2 * k, rng) for k in range(reports))
    has_status = free > 2 * reports and rng.random() < 0.5
    return Message(
        can_id=can_id,
        extended=extended,
        period=period,
        phase=float(rng.random()) * period,
        base=base,
        counter=counter,
        checksum=checksum,
        status=2 * reports if has_status else None,
        sensors=sensors,
    )


def _sensor(byte: int, rng: np.random.Generator) -> Sensor:
    offset = float(rng.uniform(0.0, 0.5))
    return Sensor(byte, int(rng.integers(SIGNALS)), offset, float(rng.uniform(0.1, 0.5)))


def checksum(message: Message, payload: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The message's checksum: exclusive or of its identifier's low byte and all other bytes.

    Args:
        message: a message with a checksum.
        payload: (n, 8) bytes.

    Returns:
        (n,) what the checksum byte must be.
    """
    others = np.delete(payload[:, : len(message.base)], message.checksum or 0, axis=1)
    combined: NDArray[np.uint8] = np.bitwise_xor.reduce(others, axis=1)
    return combined ^ np.uint8(message.can_id & 0xFF)
