"""Pictures of a fusion policy: what it would choose, what it chose, and what moves it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ml.evaluation.style import BLUE, GREEN, INK, MUTED, ORANGE, VERMILION, dress, figure

# Above this a number a cell is unreadable, and slow to draw.
READABLE_BINS = 20


def policy_heatmap(policy: NDArray[np.floating[Any]]) -> Figure:
    """The weight of the GAT that the policy chooses for each pair of expert scores.

    Args:
        policy: (n, n) alphas in [0, 1]; `policy[i, j]` for the i-th bin of the anomaly score and
            the j-th bin of the GAT probability, both rising from 0 to 1.
    """
    fig = figure(6.4, 5.4)
    axes = fig.add_subplot()
    # Purple to orange stays apart for every kind of colour blindness; white is the plain mean.
    image = axes.imshow(
        policy.T, origin="lower", extent=(0, 1, 0, 1), vmin=0, vmax=1, cmap="PuOr_r", aspect="equal"
    )
    _write_cells(axes, policy)
    dress(axes, x="anomaly score (VGAE)", y="attack probability (GAT)")
    axes.grid(visible=False)
    bar = fig.colorbar(image, ax=axes, shrink=0.85, ticks=[0, 0.25, 0.5, 0.75, 1])
    bar.ax.tick_params(labelsize=9, colors=MUTED)
    bar.set_label("alpha: 0 trusts the VGAE, 1 trusts the GAT", fontsize=10, color=INK)
    return fig


def alpha_histogram(alphas: Mapping[str, NDArray[np.floating[Any]]]) -> Figure:
    """How often each alpha was chosen, in per cent of each group's windows.

    Args:
        alphas: chosen alphas in [0, 1] per group; empty groups are left out.
    """
    groups = {name: values for name, values in alphas.items() if len(values)}
    fig = figure(6.4, 5.4)
    axes = fig.add_subplot()
    values, weights = (
        list(groups.values()),
        [np.full(len(v), 100 / len(v)) for v in groups.values()],
    )
    if groups:
        axes.hist(
            values,
            bins=np.linspace(-0.025, 1.025, 22).tolist(),
            weights=weights,
            label=list(groups),
            color=[(BLUE, VERMILION, GREEN, ORANGE, MUTED)[i % 5] for i in range(len(groups))],
        )
        axes.legend(fontsize=9, frameon=False)
    dress(axes, x="alpha: 0 trusts the VGAE, 1 trusts the GAT", y="windows (%)")
    axes.set_xlim(-0.05, 1.05)
    return fig


def importance_bars(importance: Mapping[str, float]) -> Figure:
    """How much each thing that the policy looks at moves the verdict, the most on top."""
    ranked = sorted(importance.items(), key=lambda item: abs(item[1]))
    fig = figure(6.4, 1.2 + 0.3 * len(ranked))
    axes = fig.add_subplot()
    names, values = [name.replace("_", " ") for name, _ in ranked], [v for _, v in ranked]
    bars = axes.barh(names, values, color=BLUE, height=0.66)
    axes.bar_label(bars, fmt="%.3g", padding=3, fontsize=8.5, color=INK)
    dress(axes, x="importance", y="")
    axes.tick_params(axis="y", labelsize=9, labelcolor=INK)
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.15)
    return fig


def _write_cells(axes: Axes, policy: NDArray[np.floating[Any]]) -> None:
    rows, columns = policy.shape
    if rows > READABLE_BINS:
        return
    for (i, j), alpha in np.ndenumerate(policy):
        place = ((i + 0.5) / rows, (j + 0.5) / columns)
        ink = "white" if abs(alpha - 0.5) > 0.33 else INK
        axes.text(*place, f"{alpha:.2f}", ha="center", va="center", fontsize=8, color=ink)
