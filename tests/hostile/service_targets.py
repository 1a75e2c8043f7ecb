"""What the service reads beside logs: JSON columns, traffic of any content, profiles."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import mutations
import numpy as np
import seeds
from oracles import ACCEPTED, REFUSED, check_refusal
from service_kit import OWN_CAR, as_columns, publish, traffic
from targets import Target

from app.scoring.service import Asked, score
from app.scoring.traffic import Sent
from app.vehicles.enrolment import enrol
from app.vehicles.learnt import learnt
from app.vehicles.picture import picture
from app.vehicles.seen import Vehicles
from ml.can.frames import Flag, Frames
from ml.can.profiles import VehicleProfile
from ml.can.profiles.store import ProfileStore
from ml.errors import CanfuseError
from ml.releases import ReleaseStore
from ml.scoring import Scorer

ROW = 20


def check_columns(data: bytes) -> str:
    """Score a JSON body; the answer holds finite numbers, one a window in each column."""
    sent = Sent(data, "application/json", lenient=False, max_rows=10_000)
    vehicles = Vehicles(ProfileStore(_folder() / "vehicles"))
    try:
        answer = score(_scorer(), vehicles, Asked(sent, explain=zlib.crc32(data) % 8 == 0))
    except CanfuseError as error:
        check_refusal(error)
        return REFUSED
    told = json.loads(answer.model_dump_json(), parse_constant=_not_finite)
    assert len(told["fused_score"]) == len(told["is_attack"]) == len(told["alpha"]) > 0
    assert all(0 <= value <= 1 for value in told["fused_score"])
    return ACCEPTED


def check_traffic(data: bytes) -> str:
    """Score and enrol frames of any content; scores are finite, and a profile can be used."""
    frames = _frames_of(data)
    try:
        check_scores(frames, _own_profile())
        enrol(_profiles(), "car", [frames], source="x", accept_findings=True)
        check_profile(_profiles().load("car"), frames)
    except CanfuseError as error:
        check_refusal(error)
        return REFUSED
    return ACCEPTED


def check_profile_file(data: bytes) -> str:
    """Load a profile; one that is loaded can be told of, drawn and scored with."""
    path = _folder() / "profile.safetensors"
    path.write_bytes(data)
    try:
        profile = VehicleProfile.load(path)
    except CanfuseError as error:
        check_refusal(error)
        return REFUSED
    check_profile(profile, traffic(60))
    return ACCEPTED


def check_profile(profile: VehicleProfile, frames: Frames) -> None:
    """A profile can be told of, drawn and scored with."""
    told = learnt(profile)
    json.loads(told.model_dump_json(), parse_constant=_not_finite)
    assert picture("car", told).endswith("</svg>")
    check_scores(frames, profile)


def check_scores(frames: Frames, profile: VehicleProfile) -> None:
    """Scores of any traffic lie between 0 and 1."""
    scores = _scorer().score_frames(frames, profile)
    assert ((scores.fused_score >= 0) & (scores.fused_score <= 1)).all()


def _frames_of(data: bytes) -> Frames:
    """Any bytes as frames, 20 bytes each: times may leap, and identifiers and lengths be any."""
    rows = np.frombuffer(data[: len(data) // ROW * ROW], np.uint8).reshape(-1, ROW)
    gap = 10.0 ** (rows[:, 0] % 16 - 8.0) * (rows[:, 1] % 4)
    fd = bool(len(rows)) and rows[0, 2] >= 250
    length = rows[:, 3] % 9
    flags = (rows[:, 4] % 32 == 0) * Flag.EXTENDED + (rows[:, 5] % 64 == 0) * Flag.ERROR
    payload = np.where(np.arange(8) < length[:, None], rows[:, 6:14], 0)
    return Frames(
        timestamp=np.minimum(np.cumsum(gap), 9e10),
        can_id=(rows[:, 14].astype(np.uint32) << (rows[:, 15] % 4)) % 0x800,
        flags=(flags | fd * Flag.FD).astype(np.uint8),
        length=length.astype(np.uint8),
        payload=payload.astype(np.uint8),
    )


def _traffic_seeds() -> list[bytes]:
    regular = (bytes([6, 1, 0, 8, 1, 1, *([n % 7] * 8), n % 5, 0, 0, 0, 0, 0]) for n in range(250))
    return [Random(0).randbytes(ROW * 250), b"".join(regular)]


def _column_seeds() -> list[bytes]:
    scores = {"anomaly_score": [0.2, 0.9], "gat_prob": [0.1, 0.8]}
    frames = as_columns(traffic(24))
    hexadecimal = {"id": [f"{n:X}" for n in frames["id"]], "extended": [True] * 24}
    bodies = (scores, frames, {**frames, **hexadecimal})
    return [json.dumps(body).encode() for body in bodies]


def _not_finite(text: str) -> float:
    raise AssertionError(f"the answer holds {text}")


@cache
def _temporary() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="canfuse-")


def _folder() -> Path:
    return Path(_temporary().name)


@cache
def _profiles() -> ProfileStore:
    return ProfileStore(_folder() / "enrolled")


@cache
def _scorer() -> Scorer:
    store = ReleaseStore(_folder() / "releases")
    publish(store, _folder())
    return store.load("production")


def _own_profile() -> VehicleProfile:
    return _scorer().profiles[OWN_CAR]


SERVICE: Mapping[str, Target] = {
    "columns": Target(_column_seeds, mutations.json_text, check_columns, share=0.005),
    "traffic": Target(_traffic_seeds, mutations.any_bytes, check_traffic, share=0.0001),
    "profile": Target(
        lambda: [seeds.profile_file()], mutations.safetensors_file, check_profile_file, share=0.001
    ),
}
