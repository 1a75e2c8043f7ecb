"""Curves of every detector over all thresholds, with the threshold it really uses as a dot."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from ml.evaluation.metrics import Labels, Scores, confusion, rates
from ml.evaluation.style import INK, MUTED, dress, figure, look


def detection_curves(
    labels: Labels, scores: Mapping[str, Scores], thresholds: Mapping[str, float]
) -> Figure | None:
    """Precision against recall, and recall against false-positive rate, of every detector.

    The false-positive rate is logarithmic, since an alarm in a hundred windows is already many;
    its left edge stands for no false alarm at all.

    Args:
        labels: (W,), non-zero where the window holds an attack.
        scores: (W,) per detector.
        thresholds: per detector of `scores`.

    Returns:
        The figure, or None where a class is missing and no curve is defined.
    """
    attack = np.asarray(labels) > 0
    if not attack.any() or attack.all():
        return None
    fig = figure(11.5, 5)
    left, right = fig.subplots(1, 2)
    floor = 10.0 ** math.floor(-math.log10(np.count_nonzero(~attack)))
    for name in reversed(list(scores)):  # the first named, the fusion, is drawn on top
        _draw(left, right, attack, scores[name], name, thresholds[name], floor)
    _frame(left, x="recall", y="precision", title="Precision and recall")
    _frame(right, x="false-positive rate (log)", y="recall", title="ROC")
    right.set_xscale("log")
    right.set_xlim(floor * 0.85, 1.15)
    _draw_chance(left, right, float(attack.mean()), floor)
    handles, names = left.get_legend_handles_labels()
    fig.legend(
        handles[::-1], names[::-1], loc="outside lower center", ncol=6, fontsize=9, frameon=False
    )
    return fig


def _draw(
    left: Axes,
    right: Axes,
    attack: NDArray[np.bool_],
    scores: Scores,
    name: str,
    threshold: float,
    floor: float,
) -> None:
    point = rates(confusion(attack.astype(np.uint8), scores, threshold))
    precision, recall, _ = precision_recall_curve(attack, scores, drop_intermediate=True)
    _line(left, name, recall, precision)
    _dot(left, name, float(point["recall"]), float(point["precision"]))
    fpr, recall, _ = roc_curve(attack, scores)
    _line(right, name, np.maximum(fpr, floor), recall)
    _dot(right, name, max(float(point["fpr"]), floor), float(point["recall"]))


def _line(axes: Axes, name: str, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    style = look(name)
    axes.step(
        x, y, where="post", color=style.colour, linestyle=style.dashes,
        linewidth=style.width, label=style.label,
    )  # fmt: skip


def _dot(axes: Axes, name: str, x: float, y: float) -> None:
    axes.plot(
        x, y, "o", color=look(name).colour, markersize=6.5, markeredgecolor="white",
        clip_on=False, zorder=5,
    )  # fmt: skip


def _draw_chance(left: Axes, right: Axes, prevalence: float, floor: float) -> None:
    left.axhline(prevalence, color=MUTED, linewidth=0.8, linestyle=":")
    chance = np.geomspace(floor, 1, 50)
    right.plot(chance, chance, color=MUTED, linewidth=0.8, linestyle=":")


def _frame(axes: Axes, *, x: str, y: str, title: str) -> None:
    dress(axes, x=x, y=y)
    axes.set_title(title, fontsize=11, color=INK, loc="left")
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.04)
