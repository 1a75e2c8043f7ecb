"""A comparison of detectors as tables for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from app.cli.terminal import show, table
from ml.evaluation.style import look, split_title
from ml.evaluation.tables import MEASURES, Cell, best_marked, number

FUSED = "fused"
_LOWEST = ("fpr",)
_SHORT = {"Logistic regression": "Log. regr.", "Best fixed alpha": "Fixed alpha"}


def show_comparison(comparison: Mapping[str, Any]) -> None:
    """Print every detector on every split: F1 and false-positive rate."""
    for measure, title in (("f1", "F1"), ("fpr", "False-positive rate")):
        show(_splits(comparison["splits"], measure, title))
        show("")


def show_captures(comparison: Mapping[str, Any]) -> None:
    """Print every measure of the fused score on every capture."""
    measures = [m for m in MEASURES if m in _first_metrics(comparison)]
    columns = ["Capture", "Windows", "Attacks", *(MEASURES[m] for m in measures)]
    made = table(*columns, title="Fused score, by capture", numbers=len(columns) - 1)
    for row in comparison["captures"]:
        counts = (str(row["windows"]), str(row["attack_windows"]))
        figures = (number(row["detectors"][FUSED][m]) for m in measures)
        made.add_row(row["path"], *counts, *figures)
    show(made)
    show("")


def _splits(splits: Mapping[str, Mapping[str, Any]], measure: str, title: str) -> Table:
    detectors = list(next(iter(splits.values()), {}))
    labels = [_SHORT.get(look(d).label, look(d).label) for d in detectors]
    made = table("Split", *labels, title=title, numbers=len(labels))
    for split, measured in splits.items():
        cells = best_marked([measured[d][measure] for d in detectors], lowest=measure in _LOWEST)
        made.add_row(split_title(split), *_marked(cells))
    return made


def _marked(cells: Sequence[Cell]) -> list[Text]:
    return [Text(cell.text, style="bold green" if cell.best else "") for cell in cells]


def _first_metrics(comparison: Mapping[str, Any]) -> Mapping[str, Any]:
    metrics: Mapping[str, Any] = next(iter(comparison["captures"]))["detectors"][FUSED]
    return metrics
