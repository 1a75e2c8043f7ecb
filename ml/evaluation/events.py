"""Attacks and alarms as events, as whoever sits before the alarms meets them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from ml.evaluation.captures import FUSED, CaptureScores

# Two attack windows closer than this are one attack, two alarms one alarm. Injection of a single
# frame a second is one attack, not sixty; whoever injects pauses for longer between two attacks.
EVENT_GAP = 2.0

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Events:
    """Counts over one capture, or over several.

    Attributes:
        attacks: attack events.
        false_alarms: alarm events in benign traffic.
        benign_seconds: how long that benign traffic lasted.
        delays: (found events,) seconds from the start of an event's first attack window to the end
            of its first flagged one.
    """

    attacks: int
    false_alarms: int
    benign_seconds: float
    delays: Floats

    @staticmethod
    def together(parts: Iterable[Events]) -> Events:
        """The events of several captures."""
        listed = list(parts)
        return Events(
            sum(p.attacks for p in listed),
            sum(p.false_alarms for p in listed),
            float(sum(p.benign_seconds for p in listed)),
            np.concatenate([np.zeros(0), *(p.delays for p in listed)]),
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-able measures; None where there is no event, or no benign traffic, to have one.

        `false_alarms_per_hour_at_most` is the upper end of the exact 95 % Poisson interval
        (Garwood, Biometrika 28, 1936): without a single alarm in a short time little is known.
        """
        hours, found = self.benign_seconds / 3600, len(self.delays)
        most = float(chi2.ppf(0.975, 2 * (self.false_alarms + 1))) / 2
        return {
            "attack_events": self.attacks,
            "found": found,
            "recall": found / self.attacks if self.attacks else None,
            "false_alarms": self.false_alarms,
            "benign_seconds": self.benign_seconds,
            "false_alarms_per_hour": self.false_alarms / hours if hours else None,
            "false_alarms_per_hour_at_most": most / hours if hours else None,
            "delay_median": float(np.median(self.delays)) if found else None,
            "delay_worst": float(self.delays.max()) if found else None,
        }


def capture_events(capture: CaptureScores, detector: str = FUSED, gap: float = EVENT_GAP) -> Events:
    """The events of one detector on the counted windows of a capture."""
    seen = capture.of_counted()
    flagged = np.asarray(seen.scores[detector]) >= seen.thresholds[detector]
    return find_events(
        seen.window_start, seen.window_end, np.asarray(seen.labels) > 0, flagged, gap
    )


def find_events(
    start: Floats, end: Floats, attack: Mask, flagged: Mask, gap: float = EVENT_GAP
) -> Events:
    """Merge windows to events and match alarms with attacks.

    Attack windows less than `gap` seconds apart are one event. An event is found when one of its
    attack windows is flagged; a flagged benign window between them proves nothing. Benign traffic
    is what lies `gap` or more from every event: nearer than that an alarm belongs to the event.
    Flagged windows there are merged to false alarms by the same gap.

    Args:
        start: (W,) seconds, rising.
        end: (W,) seconds, rising.
        attack: (W,) whether a window holds an attack.
        flagged: (W,) whether it was flagged.
        gap: seconds.
    """
    windows = np.flatnonzero(attack)
    event = _merge(start, end, windows, gap)
    first, last = (np.unique(event, return_index=True)[1], np.flatnonzero(_is_last(event)))
    begins, ceases = start[windows[first]], end[windows[last]]
    outside = _outside(start, end, begins, ceases, gap)
    false = _merge(start, end, np.flatnonzero(outside & flagged), gap)
    hit = np.flatnonzero(flagged[windows])
    found, earliest = np.unique(event[hit], return_index=True)
    return Events(
        attacks=len(first),
        false_alarms=int(false[-1]) + 1 if len(false) else 0,
        benign_seconds=seconds_covered(start[outside], end[outside]),
        delays=end[windows[hit[earliest]]] - begins[found],
    )


def _merge(start: Floats, end: Floats, windows: NDArray[np.intp], gap: float) -> NDArray[np.intp]:
    """(chosen windows,) the number of each one's event, from 0."""
    apart = start[windows[1:]] - end[windows[:-1]] >= gap
    return np.concatenate([np.zeros(min(len(windows), 1), np.intp), np.cumsum(apart)])


def _is_last(event: NDArray[np.intp]) -> Mask:
    last: Mask = np.append(np.diff(event), 1)[: len(event)] > 0
    return last


def _outside(start: Floats, end: Floats, begins: Floats, ceases: Floats, gap: float) -> Mask:
    """(W,) whether a window lies `gap` or more from every event."""
    following = np.searchsorted(begins, start, side="right")
    since = start - np.concatenate([[-np.inf], ceases])[following]
    until = np.concatenate([begins, [np.inf]])[following] - end
    outside: Mask = (since >= gap) & (until >= gap)
    return outside


def seconds_covered(start: Floats, end: Floats) -> float:
    """Seconds covered by windows, those that several cover counted once."""
    covered = np.maximum.accumulate(np.concatenate([[-np.inf], end[:-1]]))[: len(start)]
    return float(np.maximum(end - np.maximum(start, covered), 0).sum())
