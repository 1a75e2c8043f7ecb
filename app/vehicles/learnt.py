"""What a profile knows of a vehicle, in words and numbers for people."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from ml.can.features.payloads import FD_LENGTHS
from ml.can.frames import CLASSIC_BYTES, EXTENDED_BIT, id_name
from ml.can.profiles import VehicleProfile

ByteKind = Literal["constant", "counter", "checksum", "sensor", "state", "lively"]

_LENGTHS = (*range(CLASSIC_BYTES + 1), *FD_LENGTHS)
# A byte whose next step is this likely to be one and the same is a counter.
COUNTING = 0.7
# A byte that moves this little this often is a quantity.
NEAR, STEADY = 16, 0.7
STATES = 16
# Rules of `checksums` that name the byte: each byte against the sum of the others.
_BYTE_RULES = range(3, 3 + CLASSIC_BYTES)


class LearntByte(BaseModel):
    """A byte of an identifier's payload, as it looks from its values and steps."""

    kind: ByteKind = Field(
        description="`constant`; `counter`: nearly always takes the same step; `checksum` of the "
        "others; `sensor`: a quantity that moves little by little; `state`: few values; `lively`: "
        "anything else."
    )
    low: int = Field(description="Least value seen.")
    high: int = Field(description="Largest value seen.")
    values: int = Field(description="Different values seen.")


class LearntId(BaseModel):
    """An identifier and what it carries."""

    id: str = Field(description="Hexadecimal.", examples=["316"])
    extended: bool = Field(description="Whether it has 29 bits.")
    frames: int
    period: float | None = Field(description="Seconds, the median; null if it came once.")
    jitter: float | None = Field(
        description="Spread of the middle 80 % of the intervals, as a share of the period."
    )
    lengths: list[int] = Field(description="Usual payload lengths.")
    checksum: bool = Field(description="Whether its payloads keep a checksum that is known here.")
    companions: list[str] = Field(description="Identifiers that always come within milliseconds.")
    bytes: list[LearntByte] = Field(description="CAN-FD payloads are folded into 8 bytes.")


class LearntProfile(BaseModel):
    """What was learnt of a vehicle."""

    version: str
    seconds: float
    frames: int
    frame_rate: float | None = Field(description="Frames a second.")
    ids: list[LearntId]


def learnt(profile: VehicleProfile) -> LearntProfile:
    """Tell what a profile knows."""
    names = [id_name(int(arbitration)) for arbitration in profile.ids]
    return LearntProfile(
        version=profile.version,
        seconds=profile.seconds,
        frames=profile.frames,
        frame_rate=profile.frames / profile.seconds if profile.seconds > 0 else None,
        ids=_ids(profile, names),
    )


def _ids(profile: VehicleProfile, names: list[str]) -> list[LearntId]:
    kinds, values = _kinds(profile)
    intervals, companions = profile.intervals, profile.companions.place
    found = []
    for place, name in enumerate(names):
        timed = intervals.one_count[place] > 0
        lengths = [_LENGTHS[c] for c in np.flatnonzero(profile.lengths.surprise[place] == 0)]
        found.append(
            LearntId(
                id=name,
                extended=int(profile.ids[place]) >= EXTENDED_BIT,
                frames=int(profile.frames_of_id[place]),
                period=float(intervals.period[place]) if timed else None,
                jitter=float(intervals.jitter[place]) if timed else None,
                lengths=lengths,
                checksum=bool(profile.checks.checksum[place] >= 0),
                companions=[names[c] for c in companions[place] if c >= 0],
                bytes=[
                    LearntByte(
                        kind=kinds[place][byte],
                        low=int(profile.values.low[place, byte]),
                        high=int(profile.values.high[place, byte]),
                        values=int(values[place, byte]),
                    )
                    for byte in range(min(max(lengths, default=0), CLASSIC_BYTES))
                ],
            )
        )
    return found


def _kinds(profile: VehicleProfile) -> tuple[list[list[ByteKind]], NDArray[np.int64]]:
    """What each byte looks like, I lists of 8, and how many values it had, (I, 8)."""
    ids = len(profile.ids)
    values = profile.values.seen.sum(axis=-1)
    step = np.exp(-profile.movement.surprise.astype(np.float64))
    moved = profile.movement.count > 0
    counting = (step[..., 1:].max(axis=-1) >= COUNTING) & moved[:, None]
    near = step[..., : NEAR + 1].sum(axis=-1) + step[..., -NEAR:].sum(axis=-1)
    kind = np.full((ids, CLASSIC_BYTES), "lively", dtype="<U8")
    kind[(near >= STEADY) & moved[:, None]] = "sensor"
    kind[values <= STATES] = "state"
    kind[counting] = "counter"
    summed = np.isin(profile.checks.checksum, _BYTE_RULES)
    kind[summed, profile.checks.checksum[summed] - _BYTE_RULES.start] = "checksum"
    kind[_constant_bytes(profile)] = "constant"
    return kind.tolist(), values


def _constant_bytes(profile: VehicleProfile) -> NDArray[np.bool_]:
    mask = profile.values.constant_mask.view(np.uint8).reshape(-1, CLASSIC_BYTES)
    constant: NDArray[np.bool_] = mask == 0xFF
    return constant
