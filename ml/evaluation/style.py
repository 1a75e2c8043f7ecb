"""How detectors are named and drawn, the same in every table and picture.

The colours are those of Okabe & Ito (Color Universal Design, 2008), told apart by people with any
common colour blindness; a dash pattern and a marker of its own tell each detector apart in black
and white.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, MUTED, GRID = "#1b1f24", "#57606a", "#d8dee4"
BLUE, ORANGE, GREEN, PINK, VERMILION = "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00"
SKY, BROWN = "#56b4e9", "#7d5a29"


@dataclass(frozen=True)
class Look:
    """One detector's name, colour, dash pattern, line width (points) and marker."""

    label: str
    colour: str
    dashes: Any
    width: float = 1.6
    marker: str = "o"


_LOOKS = {
    "fused": Look("Fused", BLUE, "solid", 2.6),
    "gat": Look("GAT alone", ORANGE, (0, (5, 1.5)), marker="s"),
    "vgae": Look("VGAE alone", GREEN, (0, (1.2, 1.2)), marker="D"),
    "mean": Look("Plain mean", MUTED, (0, (3, 1, 1, 1)), marker="X"),
    "fixed_alpha": Look("Best fixed alpha", PINK, (0, (7, 2)), marker="P"),
    "logistic_regression": Look("Logistic regression", VERMILION, (0, (2, 1.5)), marker="v"),
    "tree": Look("Tree", SKY, (0, (4, 1, 1, 1, 1, 1)), marker="^"),
    "tree_half": Look("Tree cut at 0.5", BROWN, (0, (1, 2.5)), marker="<"),
    "two_rules": Look("Two rules", INK, (0, (6, 1, 2, 1)), marker="*"),
}


def look(detector: str) -> Look:
    """How to show a detector; a plain look for one not known here."""
    return _LOOKS.get(detector) or Look(detector.replace("_", " ").capitalize(), INK, (0, (1, 2)))


def split_title(split: str) -> str:
    """A split's folder name as words: `test_01_with_attacks` → `Test 01: with attacks`."""
    head, _, rest = split.partition("_")
    number, _, words = rest.partition("_")
    if number.isdigit() and words:
        words = words.replace("_", " ").replace("vehicle ", "vehicle, ")
        return f"{head.capitalize()} {number}: {words}"
    return split.replace("_", " ")


def figure(width: float, height: float) -> Figure:
    """An empty figure, sizes in inches, that belongs to no global state."""
    return Figure(figsize=(width, height), dpi=150, layout="constrained", facecolor="white")


def dress(axes: Axes, *, x: str, y: str) -> None:
    """Label the axes and quieten their frame."""
    axes.set_xlabel(x, fontsize=10, color=INK)
    axes.set_ylabel(y, fontsize=10, color=INK)
    axes.tick_params(labelsize=9, colors=MUTED)
    axes.grid(visible=True, color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GRID)
