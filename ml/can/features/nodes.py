"""All features of the nodes of many windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml.can.features.arrangement import Arrangement, Column, Floats, as_matrix
from ml.can.features.checks import check_features, frame_checks
from ml.can.features.companions import Companions, companion_features, frame_companions
from ml.can.features.events import event_features, explained
from ml.can.features.movement import Movement, frame_movement, movement_features
from ml.can.features.names import CAP, NODE_FEATURES, RECORDED
from ml.can.features.presence import unheard_surprise
from ml.can.features.timing import Timing, frame_timing, timing_features
from ml.can.features.values import Values, frame_values, value_features

if TYPE_CHECKING:
    from ml.can.profiles.profile import VehicleProfile

ODD_VALUE = 3.0
"""Nats of value surprise from which an id counts as odd for `novel_share`."""


@dataclass(frozen=True)
class Evidence:
    """What the frames of the windows say, before any reduction; M values each.

    Attributes:
        length_surprise: (M,) of the payload length.
    """

    length_surprise: Floats
    timing: Timing
    values: Values
    movement: Movement
    companions: Companions


def node_features(windows: Arrangement, profile: VehicleProfile) -> tuple[Floats, Evidence]:
    """`NODE_FEATURES` of each node, (R, F), and the evidence of the single frames."""
    length = np.where(
        windows.known, profile.lengths.surprise[windows.place, windows.length], np.float32(0)
    )
    evidence = Evidence(
        length_surprise=length,
        timing=frame_timing(windows, profile),
        values=frame_values(windows, profile),
        movement=frame_movement(windows, profile),
        companions=frame_companions(windows, profile),
    )
    runs = windows.runs
    columns: dict[str, Column] = {
        "unknown": ~windows.known[runs.first],
        "unheard_surprise": unheard_surprise(windows, profile),
        "frame_share": runs.count / runs.shape[1],
        "length_surprise": windows.most(length),
        **timing_features(windows, evidence.timing, profile),
        **companion_features(windows, evidence.companions),
        **value_features(windows, evidence.values),
        **check_features(windows, frame_checks(windows, profile)),
        **movement_features(windows, evidence.movement),
        **_joint(windows, evidence),
        **_context(windows, profile),
    }
    told = explained(windows, evidence.values, evidence.movement)
    too_many = columns["frames_too_many"]
    columns |= event_features(windows, evidence.timing, told, too_many, profile)
    columns["novel_share"] = _novel_share(windows, columns)
    columns |= _record(windows, columns, profile)
    return as_matrix(columns, NODE_FEATURES), evidence


def _joint(windows: Arrangement, evidence: Evidence) -> dict[str, Column]:
    """One frame that is a little early and a little odd stands out by both together."""
    early, odd = evidence.timing.early, evidence.values.surprise
    early_to = np.minimum(early, 12)
    new = evidence.values.novel | (evidence.values.changed_bits > 0)
    alone = np.minimum(evidence.companions.surprise, 12) * (early > 0)
    trace = early_to * new + alone + np.minimum(evidence.movement.glitch, 12)
    return {
        "early_plus_odd": windows.most(early_to + np.minimum(odd, 24)),
        "early_with_trace": windows.most(trace),
        "early_and_odd": windows.most(np.minimum(early, CAP) * (odd > 2)),
    }


def _context(windows: Arrangement, profile: VehicleProfile) -> dict[str, Column]:
    """How much the profile knows about the id: no evidence, but what evidence is worth."""
    first = windows.runs.first
    place, known = windows.place[first], windows.known[first]
    frames = profile.frames_of_id[place]
    distinct = profile.values.distinct_payloads[place] / np.maximum(frames, 1)
    return {
        "profile_frames": np.where(known, np.log1p(frames) / 8, 0),
        "profile_seconds": np.full(len(first), np.log1p(profile.seconds) / 4),
        "jitter": np.where(known, np.minimum(profile.intervals.jitter[place], 2), 0),
        "liveliness": np.where(known, distinct, 0),
    }


def _novel_share(windows: Arrangement, columns: dict[str, Column]) -> Column:
    """Share of the window's ids with odd values, the same for each of its nodes, (R,)."""
    odd = (columns["value_surprise"] > ODD_VALUE) | (columns["changed_constant_bits"] > 0)
    runs = windows.runs
    nodes = np.diff(runs.ptr)
    share = np.add.reduceat(odd.astype(np.float64), runs.ptr[:-1]) / nodes
    return np.repeat(share, nodes)


def _record(
    windows: Arrangement, columns: dict[str, Column], profile: VehicleProfile
) -> dict[str, Column]:
    """What exceeds the most that the enrolment's own held-out traffic reached."""
    first = windows.runs.first
    record, known = profile.record[windows.place[first]], windows.known[first]
    return {
        f"{name}_beyond_record": np.where(known, np.maximum(columns[name] - record[:, i], 0), 0)
        for i, name in enumerate(RECORDED)
    }
