"""Learns a vehicle's profile from its traffic, and keeps it if that traffic will do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise

import numpy as np

from ml.can.frames import Frames
from ml.can.profiles import Finding, VehicleProfile, learn_profile, review_enrolment
from ml.can.profiles.card import ProfileCard, check_vehicle
from ml.can.profiles.learning import LEAST_FRAMES, MOST_FRAMES
from ml.can.profiles.store import ProfileStore
from ml.errors import InvalidInput

# A bus that is silent for so long was switched off, or another recording begins.
PAUSE_SECONDS = 10.0
LONGEST_SECONDS = 3600.0
# Traffic of which nothing can be learnt, whatever an operator knows of it; how it looks, on the
# other hand, may have reasons that the operator knows and the traffic does not show.
FINAL = frozenset({"too-short", "labelled-attacks"})


class EnrolmentRefused(InvalidInput):
    """The traffic will not do to enrol a vehicle with."""

    slug = "enrolment-refused"


def enrol(
    store: ProfileStore,
    vehicle: str,
    recordings: Sequence[Frames],
    *,
    source: str,
    seconds: float | None = None,
    accept_findings: bool = False,
) -> tuple[ProfileCard, bool]:
    """Learn a vehicle's profile and make it the vehicle's present one.

    Args:
        store: where it goes.
        vehicle: its name.
        recordings: its attack-free traffic, each in time order.
        source: where they come from, for people.
        seconds: how much of each recording to use, from its beginning; None for all.
        accept_findings: take traffic that looks attacked, too.

    Returns:
        Its card, and whether the vehicle is new.

    Raises:
        EnrolmentRefused: the traffic will not do; `findings` says why.
        InvalidInput: the name is none, or there is too little traffic.
    """
    check_vehicle(vehicle)
    used = [beginning(frames.traffic(), seconds) for frames in recordings]
    _refuse(_labelled_attacks(used))
    stretches = [stretch for frames in used for stretch in stretches_of(frames)]
    profile = _learn(stretches)
    findings = review_enrolment(stretches, profile)
    _refuse([f for f in findings if f.code in FINAL or not accept_findings])
    return store.put(vehicle, profile, findings, source)


def _learn(stretches: Sequence[Frames]) -> VehicleProfile:
    try:
        return learn_profile(stretches)
    except InvalidInput as error:
        if LEAST_FRAMES <= sum(map(len, stretches)) <= MOST_FRAMES:
            raise
        fix = f"{error.hint} `seconds` or `--seconds` says how much of each recording is used."
        raise InvalidInput(error.detail, fix) from error


def stretches_of(frames: Frames) -> list[Frames]:
    """A recording, parted where the bus was silent for long."""
    cuts = np.flatnonzero(np.diff(frames.timestamp) > PAUSE_SECONDS) + 1
    edges = [0, *cuts.tolist(), len(frames)]
    return [frames[a:b] for a, b in pairwise(edges) if b > a]


def beginning(frames: Frames, seconds: float | None) -> Frames:
    """The first seconds of a recording; None for all of it."""
    if seconds is None or not len(frames):
        return frames
    return frames[: int(np.searchsorted(frames.timestamp, frames.timestamp[0] + seconds, "right"))]


def _labelled_attacks(recordings: Sequence[Frames]) -> list[Finding]:
    attacks = sum(int(f.label.sum()) for f in recordings if f.label is not None)
    if not attacks:
        return []
    return [
        Finding(
            severity="refusal",
            code="labelled-attacks",
            detail=f"{attacks} frames are labelled as attacks.",
            fix="Enrol the vehicle with attack-free traffic.",
        )
    ]


def _refuse(findings: Sequence[Finding]) -> None:
    refusals = [f for f in findings if f.severity == "refusal"]
    if not refusals:
        return
    reasons = " ".join(f.detail for f in refusals)
    fixes = " ".join(dict.fromkeys(f.fix for f in refusals))
    if not any(f.code in FINAL for f in refusals):
        fixes += " If you know better, accept the findings: `accept_findings`, `--accept-findings`."
    told = [asdict(f) for f in findings]
    raise EnrolmentRefused(f"The traffic will not do: {reasons}", fixes, findings=told)
