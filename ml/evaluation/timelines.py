"""One capture over time: the fused score, the attacks, and where the verdicts were wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ml.evaluation.comparison import CaptureScores
from ml.evaluation.style import BLUE, INK, ORANGE, VERMILION, dress, figure


def timeline(capture: CaptureScores, detector: str, threshold: float) -> Figure:
    """Score against seconds since the capture's start, attack windows shaded."""
    fig = figure(11.5, 2.5)
    axes = fig.add_subplot()
    origin = capture.window_start[0] if len(capture.window_start) else 0.0
    axes.broken_barh(
        attack_spans(capture), (-0.04, 1.08), facecolor=ORANGE, alpha=0.3, label="attack"
    )
    _draw_verdicts(axes, capture.window_start - origin, capture, detector, threshold)
    axes.axhline(threshold, color=INK, linewidth=1, linestyle=(0, (4, 2)), label="threshold")
    dress(axes, x="seconds since the start of the capture", y="score")
    axes.set_ylim(-0.04, 1.04)
    axes.margins(x=0.005)
    axes.legend(
        loc="lower right", bbox_to_anchor=(1, 1), ncol=5, fontsize=9, frameon=False,
        borderaxespad=0.1, handletextpad=0.4, columnspacing=1.4,
    )  # fmt: skip
    return fig


def attack_spans(capture: CaptureScores) -> list[tuple[float, float]]:
    """Runs of attack windows as (start, duration), in seconds since the capture's start."""
    attack = np.asarray(capture.labels) > 0
    edges = np.flatnonzero(np.diff(attack, prepend=False, append=False))
    first, last = edges[::2], edges[1::2] - 1
    start, end = capture.window_start[first], capture.window_end[last]
    origin = capture.window_start[0] if len(capture.window_start) else 0.0
    return list(zip((start - origin).tolist(), (end - start).tolist(), strict=True))


def worst_first(captures: Sequence[Mapping[str, Any]], detector: str, limit: int) -> list[int]:
    """Indices of the captures most worth looking at, in their own order.

    Test captures come before others, those on which the detector does worst first.

    Args:
        captures: the rows of a comparison.
        detector: whose F1 counts, or its false-positive rate where there is no attack.
        limit: how many at most.
    """

    def rank(index: int) -> tuple[bool, float]:
        row = captures[index]
        measures = row["detectors"][detector]
        false_alarms = measures["fpr"] or 0.0
        merit = 1 - false_alarms if measures["f1"] is None else measures["f1"]
        return not row["split"].startswith("test"), merit

    return sorted(sorted(range(len(captures)), key=rank)[:limit])


def _draw_verdicts(
    axes: Axes,
    seconds: NDArray[np.float64],
    capture: CaptureScores,
    detector: str,
    threshold: float,
) -> None:
    scores = np.asarray(capture.scores[detector], np.float64)
    attack, flagged = np.asarray(capture.labels) > 0, scores >= threshold
    parts = (
        (flagged == attack, BLUE, ".", 24, "right verdict"),
        (flagged & ~attack, VERMILION, "^", 26, "false alarm"),
        (~flagged & attack, INK, "x", 24, "missed"),
    )
    for chosen, colour, marker, size, label in parts:
        axes.scatter(
            seconds[chosen], scores[chosen], s=size, c=colour, marker=marker, label=label,
            linewidths=1.2 if marker == "x" else 0, zorder=3,
        )  # fmt: skip
