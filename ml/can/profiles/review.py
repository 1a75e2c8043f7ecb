"""Whether an enrolment is fit to judge a car by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ml.can.features.names import WINDOW_FEATURES
from ml.can.frames import Frames
from ml.can.graphs import build_graphs
from ml.can.profiles.dirt import FLOOD_SECONDS, FLOOD_SHARE, median_intervals, without_dirt
from ml.can.profiles.finding import Finding
from ml.can.profiles.learning import learn_tables
from ml.can.profiles.profile import VehicleProfile
from ml.can.profiles.traffic import EnrolledTraffic
from ml.can.runs import Ints
from ml.can.windows import WindowConfig

SHORT_SECONDS = 10.0
LEAST_SECONDS = 1.0
"""From here to `SHORT_SECONDS` a profile is thin, below it is worth nothing."""
# Random ids: so many came at most so often, and are such a share of all.
RARE_FRAMES = 2
RARE_IDS = 10
RARE_SHARE = 0.2
# Bursts: such a share of an id's intervals is shorter than such a part of its 90 % quantile, ...
SHORT_INTERVAL = 0.3
BURST_SHARE = 0.05
BURST_INTERVALS = 100
# ... and with such a share, and so much of all traffic, it is no car's way of sending.
HEAVY_BURSTS = 0.2
HEAVY_TRAFFIC = 0.05
# More ignored frames than such a share are an attack.
DIRT_SHARE = 1e-3
# Mean share of ids whose values one half of the enrolment finds odd in the other.
STILL_SHARE = 0.03
CHANGING_SHARE = 0.1
NOVEL_SHARE = WINDOW_FEATURES.index("novel_share")
NAMED = 5


def review_enrolment(segments: Sequence[Frames], profile: VehicleProfile) -> tuple[Finding, ...]:
    """Look for what makes an enrolment misleading: too little of it, one state, attacks, dirt.

    Args:
        segments: what `learn_profile` was given.
        profile: what it returned.

    Returns:
        Refusals first; empty where nothing is wrong. The limits separate the attack-free
        stretches of the public captures from those under attack; see `tests/ml/can`.
    """
    given = [s for s in (s.traffic() for s in segments) if len(s)]
    traffic = EnrolledTraffic.of(given)
    findings = [
        *_length(profile),
        *_flood(traffic),
        *_random_ids(traffic),
        *_bursts(traffic, profile),
        *_dirt(given),
        *_states(given),
    ]
    return tuple(sorted(findings, key=lambda f: f.severity))


def _length(profile: VehicleProfile) -> Iterator[Finding]:
    if profile.seconds < SHORT_SECONDS:
        yield Finding(
            "refusal" if profile.seconds < LEAST_SECONDS else "warning",
            "too-short",
            f"The enrolment has only {profile.seconds:.1f} seconds of traffic.",
            "Give about 30 seconds of benign traffic, parked and driving.",
        )


def _flood(traffic: EnrolledTraffic) -> Iterator[Finding]:
    flooding = median_intervals(traffic) < FLOOD_SECONDS
    share = traffic.count[flooding].sum() / traffic.count.sum()
    if share > FLOOD_SHARE:
        yield Finding(
            "refusal",
            "flood",
            f"{_ids(traffic, flooding)} came every millisecond or faster, {share:.0%} of all "
            "frames: a flood.",
            "Enrol from traffic without an attack.",
        )


def _random_ids(traffic: EnrolledTraffic) -> Iterator[Finding]:
    rare = traffic.count <= RARE_FRAMES
    if rare.sum() > max(RARE_IDS, RARE_SHARE * len(rare)) and traffic.seconds >= LEAST_SECONDS:
        yield Finding(
            "refusal",
            "random-ids",
            f"{rare.sum()} of {len(rare)} ids came only once or twice, such as "
            f"{_ids(traffic, rare)}: a car has few of these, random ids are many.",
            "Enrol from traffic without an attack.",
        )


def _bursts(traffic: EnrolledTraffic, profile: VehicleProfile) -> Iterator[Finding]:
    place, _ = profile.places(traffic.ids)
    quantiles = profile.intervals.one[place]
    upper = quantiles[:, int(0.9 * quantiles.shape[1]), None]
    short = (quantiles < SHORT_INTERVAL * upper).mean(axis=1)
    bursting = (short > BURST_SHARE) & (profile.intervals.one_count[place] >= BURST_INTERVALS)
    busy = traffic.count > HEAVY_TRAFFIC * traffic.count.sum()
    heavy = bursting & busy & (short > HEAVY_BURSTS)
    if bursting.any():
        yield Finding(
            "refusal" if heavy.any() else "warning",
            "bursts",
            f"{_ids(traffic, heavy if heavy.any() else bursting)} came in bursts between longer "
            "intervals, as an injected message does.",
            "Enrol from traffic without an attack, or make sure that the car sends this way.",
        )


def _dirt(segments: Sequence[Frames]) -> Iterator[Finding]:
    kept = without_dirt(segments)
    ignored = sum(len(s) for s in segments) - sum(len(s) for s in kept)
    if ignored:
        yield Finding(
            "refusal" if ignored > DIRT_SHARE * sum(len(s) for s in segments) else "warning",
            "ignored-frames",
            f"{ignored} frames are plainly not the car's and were ignored.",
            "Look whether the traffic was under attack when it was recorded.",
        )


def _states(segments: Sequence[Frames]) -> Iterator[Finding]:
    """How new each half of the enrolment looks to a profile of the other half."""
    window = WindowConfig()
    halves: list[list[Frames]] = [[], []]
    for segment in without_dirt(segments):
        middle = len(segment) // 2
        if middle >= window.window_size:
            halves[0].append(segment[:middle])
            halves[1].append(segment[middle:])
    if not halves[0]:
        return
    novel = []
    for learnt, judged in (halves, halves[::-1]):
        half = learn_tables(learnt)
        shares = [build_graphs(s, window, half).window[:, NOVEL_SHARE] for s in judged]
        novel.append(float(np.concatenate(shares).mean()))
    if max(novel) >= CHANGING_SHARE:
        yield Finding(
            "warning",
            "still-changing",
            f"In one half of the enrolment {max(novel):.0%} of the ids do what the other half "
            "never shows.",
            "Give more traffic, until nothing new comes up.",
        )
    if max(novel) < STILL_SHARE:
        yield Finding(
            "warning",
            "one-state",
            "Nothing changes in the enrolment: it shows the car in one state only.",
            "Add traffic of other states, such as driving.",
        )


def _ids(traffic: EnrolledTraffic, chosen: NDArray[np.bool_]) -> str:
    """The chosen ids, those with the most frames first."""
    places: Ints = np.flatnonzero(chosen)
    places = places[np.argsort(-traffic.count[places], kind="stable")]
    named = ", ".join(f"0x{i & 0x1FFFFFFF:X}" for i in traffic.ids[places[:NAMED]].tolist())
    return f"Id {named}" + (" and others" if len(places) > NAMED else "")
