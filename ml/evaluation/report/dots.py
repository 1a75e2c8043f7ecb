"""One measure of every detector on every capture, as dots on lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ml.evaluation.captures import FUSED
from ml.evaluation.style import GRID, INK, dress, figure, look

# The axis shows each tenth of the remaining error as one step, up to this many steps.
_STEPS = 4.0
_TICKS = (0.0, 0.5, 0.9, 0.99, 0.999, 1.0)
MOST_CAPTURES = 80


def capture_dots(rows: Sequence[Mapping[str, Any]], measure: str = "mcc") -> Figure | None:
    """A line per capture with a dot per detector, the fusion large, the worst capture on top.

    Args:
        rows: of a comparison; those where the measure is undefined are left out, and of very many
            only those where the fusion does worst are drawn.
        measure: one whose best value is 1.

    Returns:
        The figure, or None where no capture has the measure.
    """
    shown = [row for row in rows if _value(row, FUSED, measure) is not None]
    shown = sorted(shown, key=lambda row: _value(row, FUSED, measure) or 0.0)[:MOST_CAPTURES]
    if not shown:
        return None
    fig = figure(11.5, 1.2 + 0.36 * len(shown))
    axes = fig.add_subplot()
    places = np.arange(len(shown))[::-1]
    names = list(shown[0]["detectors"])
    values = {name: _stretched(shown, name, measure) for name in names}
    stacked = np.stack(list(values.values()))
    axes.hlines(places, stacked.min(axis=0), stacked.max(axis=0), color=GRID, linewidth=5)
    # Rivals lie a little apart, so that equal ones do not hide each other.
    apart = dict(zip([n for n in names if n != FUSED], _fan(len(names) - 1), strict=True))
    for name in names:
        style = look(name)
        axes.scatter(
            values[name], places + apart.get(name, 0.0), s=150 if name == FUSED else 26,
            c=style.colour, marker=style.marker, label=style.label, linewidths=0.4,
            edgecolors="white", zorder=2 if name == FUSED else 3, clip_on=False,
        )  # fmt: skip
    dress(axes, x=f"{measure.upper()} (stretched towards 1)", y="")
    axes.set_yticks(places, [_label(row) for row in shown], fontsize=8.5, color=INK)
    axes.set_xticks([_stretch(tick) for tick in _TICKS], [f"{tick:g}" for tick in _TICKS])
    axes.set_xlim(-0.08, _STEPS + 0.08)
    axes.set_ylim(-0.8, len(shown) - 0.2)
    fig.legend(
        loc="outside upper center", ncol=len(names), fontsize=8.5, frameon=False,
        columnspacing=0.9, handletextpad=0.1,
    )  # fmt: skip
    return fig


def _label(row: Mapping[str, Any]) -> str:
    return f"{row['path'].split('/')[-1].rsplit('.', 1)[0]}  ({row['vehicle']})"


def _value(row: Mapping[str, Any], name: str, measure: str) -> float | None:
    value: float | None = row["detectors"].get(name, {}).get(measure)
    return value


def _stretched(rows: Sequence[Mapping[str, Any]], name: str, measure: str) -> NDArray[np.float64]:
    return np.array([_stretch(_value(row, name, measure) or 0.0) for row in rows])


def _fan(dots: int) -> NDArray[np.float64]:
    return np.linspace(0.32, -0.32, dots) if dots > 1 else np.zeros(dots)


def _stretch(value: float) -> float:
    return float(-np.log10(np.clip(1 - value, 10**-_STEPS, 1)))
