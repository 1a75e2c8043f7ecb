"""Vehicles."""

from __future__ import annotations

from datetime import datetime

from canfuse_client.models.base import Answer
from canfuse_client.models.scores import LogReport


class Finding(Answer):
    """Something about the traffic that a vehicle was enrolled with.

    Attributes:
        severity: warning or refusal.
        code: stable name of what was found.
        fix: what to do about it.
    """

    severity: str
    code: str
    detail: str
    fix: str


class ProfileSummary(Answer):
    """A version of a vehicle's profile.

    Attributes:
        version: digest of its content.
        seconds: seconds of traffic that it was learnt from.
        ids: different identifiers.
        frame_rate: frames a second.
        source: where the traffic came from, as was said.
    """

    version: str
    created_at: datetime
    seconds: float
    frames: int
    ids: int
    frame_rate: float | None
    findings: list[Finding]
    source: str


class Vehicle(ProfileSummary):
    """An enrolled vehicle and its present profile."""

    vehicle: str
    links: dict[str, str]


class EnrolledVehicle(Vehicle):
    """A vehicle as it was just enrolled; `log` tells of a log how its reading went."""

    log: LogReport | None


class VehicleDetails(Vehicle):
    """An enrolled vehicle with all versions of its profile that are kept, the newest first."""

    versions: list[ProfileSummary]


class UnreadableVehicle(Answer):
    """An enrolled vehicle whose files are damaged; it has to be enrolled again."""

    vehicle: str
    reason: str


class ReleaseVehicles(Answer):
    """The cars that the release in use was trained on; they need no enrolment."""

    release: str
    vehicles: list[str]


class VehicleList(Answer):
    """The vehicles that scoring knows."""

    vehicles: list[Vehicle]
    unreadable: list[UnreadableVehicle]
    release: ReleaseVehicles | None


class LearntByte(Answer):
    """A byte of an identifier's payload.

    Attributes:
        kind: constant, counter, checksum, sensor, state or lively.
        low: least value seen.
        high: largest value seen.
        values: different values seen.
    """

    kind: str
    low: int
    high: int
    values: int


class LearntId(Answer):
    """An identifier, in hexadecimal, and what it carries.

    Attributes:
        period: seconds, the median; None if it came once.
        jitter: spread of the middle 80 % of the intervals, as a share of the period.
        lengths: usual payload lengths.
        checksum: whether its payloads keep a checksum that is known.
        companions: identifiers that always come within milliseconds.
    """

    id: str
    extended: bool
    frames: int
    period: float | None
    jitter: float | None
    lengths: list[int]
    checksum: bool
    companions: list[str]
    bytes: list[LearntByte]


class LearntProfile(Answer):
    """What was learnt of a vehicle."""

    version: str
    seconds: float
    frames: int
    frame_rate: float | None
    ids: list[LearntId]
