"""One capture over time: the fused score, the attacks, and where the verdicts were wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ml.evaluation.captures import FUSED, CaptureScores
from ml.evaluation.metrics import confusion
from ml.evaluation.style import BLUE, GRID, INK, ORANGE, VERMILION, dress, figure

Spans = list[tuple[float, float]]


def timeline(capture: CaptureScores, detector: str = FUSED) -> Figure:
    """Score against seconds since the capture's start, attack windows shaded.

    Windows that count nowhere are left out, and their time is shaded too.
    """
    fig = figure(11.5, 2.5)
    axes = fig.add_subplot()
    origin = capture.window_start[0] if len(capture.window_start) else 0.0
    attack = np.asarray(capture.labels) > 0
    counted = np.ones(len(attack), bool) if capture.counted is None else capture.counted
    for chosen, colour, alpha, label in (
        (attack & counted, ORANGE, 0.3, "attack"),
        (~counted, GRID, 0.8, "enrolment"),
    ):
        if chosen.any():
            axes.broken_barh(
                spans(capture, chosen), (-0.04, 1.08), facecolor=colour, alpha=alpha, label=label
            )
    seen = capture.of_counted()
    _draw_verdicts(axes, seen.window_start - origin, seen, detector)
    axes.axhline(
        capture.thresholds[detector], color=INK, linewidth=1, linestyle=(0, (4, 2)),
        label="threshold",
    )  # fmt: skip
    dress(axes, x="seconds since the start of the capture", y="score")
    axes.set_ylim(-0.04, 1.04)
    axes.margins(x=0.005)
    axes.legend(
        loc="lower right", bbox_to_anchor=(1, 1), ncol=6, fontsize=9, frameon=False,
        borderaxespad=0.1, handletextpad=0.4, columnspacing=1.4,
    )  # fmt: skip
    return fig


def spans(capture: CaptureScores, chosen: NDArray[np.bool_]) -> Spans:
    """Runs of chosen windows as (start, duration), in seconds since the capture's start."""
    edges = np.flatnonzero(np.diff(chosen, prepend=False, append=False))
    first, last = edges[::2], edges[1::2] - 1
    start, end = capture.window_start[first], capture.window_end[last]
    origin = capture.window_start[0] if len(capture.window_start) else 0.0
    return list(zip((start - origin).tolist(), (end - start).tolist(), strict=True))


def worst_first(rows: Sequence[Mapping[str, Any]], limit: int) -> list[int]:
    """Indices of the captures on which the fusion does worst, the worst first.

    Its F1 counts, or its false-positive rate where a capture has no F1. Of captures without any
    mistake one is enough.

    Args:
        rows: of a comparison.
        limit: how many at most.
    """

    def merit(index: int) -> float:
        measures = rows[index]["detectors"][FUSED]
        return 1 - (measures["fpr"] or 0.0) if measures["f1"] is None else measures["f1"]

    worst = sorted((i for i in range(len(rows)) if rows[i]["windows"]), key=merit)[:limit]
    return [i for i in worst if merit(i) < 1] or worst[:1]


def mistakes(capture: CaptureScores, detector: str = FUSED) -> str:
    """The verdicts in a sentence."""
    seen = capture.of_counted()
    threshold = seen.thresholds[detector]
    _, alarms, missed, _ = confusion(seen.labels, seen.scores[detector], threshold)
    attacks, windows = np.count_nonzero(seen.labels), len(seen.labels)
    return (
        f"{attacks:,} of {windows:,} windows with an attack, {missed:,} of them missed, "
        f"{alarms:,} false alarm{'' if alarms == 1 else 's'}."
    )


def _draw_verdicts(
    axes: Axes, seconds: NDArray[np.float64], capture: CaptureScores, detector: str
) -> None:
    scores = np.asarray(capture.scores[detector], np.float64)
    attack, flagged = np.asarray(capture.labels) > 0, scores >= capture.thresholds[detector]
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
