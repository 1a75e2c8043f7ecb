"""Tables of a comparison: numbers as text, the best of a column marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ml.evaluation.averages import LEAST_CAPTURES
from ml.evaluation.style import look

MEASURES = {
    "mcc": "MCC",
    "f1": "F1",
    "precision": "Precision",
    "recall": "Recall",
    "fpr": "FPR",
    "auroc": "AUROC",
    "ap": "AP",
    "recall_at_fpr": "Recall at FPR 1 %",
}
LOWER_IS_BETTER = frozenset({"fpr"})

# How good a value is, from good to bad: at least these, or for a false-positive rate at most.
_GOOD = (0.99, 0.95, 0.8, 0.5)
_FEW = (0.001, 0.005, 0.01, 0.1)
NA = "n/a"


@dataclass(frozen=True)
class Cell:
    """A number as text, whether it is the best of its kind, and its interval.

    Attributes:
        text: the number.
        best: whether no other of its row or column is better.
        note: what stands below it in small print.
        grade: 0 (good) to 4 (bad) for a colour; None for none.
    """

    text: str
    best: bool = False
    note: str = ""
    grade: int | None = None


def macro_rows(family: Mapping[str, Any]) -> dict[str, list[Cell]]:
    """Per detector the mean over captures of each measure with its intervals, and the lead."""
    macro = family["macro"]
    columns = [
        best_marked([macro[d][m]["mean"] for d in macro], lowest=m in LOWER_IS_BETTER)
        for m in MEASURES
    ]
    rows = {
        look(name).label: [
            Cell(column[i].text, column[i].best, _spans(averages[measure], measure))
            for measure, column in zip(MEASURES, columns, strict=True)
        ]
        for i, (name, averages) in enumerate(macro.items())
    }
    oracle = [row["oracle"] for row in family["captures"] if row["oracle"]]
    if oracle:
        rows["Oracle alpha"] = [Cell(number(_mean(oracle, measure))) for measure in MEASURES]
    return rows


def capture_cells(row: Mapping[str, Any], measure: str) -> list[Cell]:
    """One measure of every detector on one capture, graded."""
    values = [measures[measure] for measures in row["detectors"].values()]
    cells = best_marked(values, lowest=measure in LOWER_IS_BETTER)
    return [
        Cell(cell.text, cell.best, grade=grade(value, lowest=measure in LOWER_IS_BETTER))
        for cell, value in zip(cells, values, strict=True)
    ]


def best_marked(values: Sequence[float | None], *, lowest: bool = False) -> list[Cell]:
    """Cells with the best value marked, all that tie with it too, none where all are equal."""
    texts = [number(value) for value in values]
    shown = [float(text) for text, value in zip(texts, values, strict=True) if value is not None]
    best = None if len(set(shown)) < 2 else f"{min(shown) if lowest else max(shown):.4f}"
    return [Cell(text, best=text == best) for text in texts]


def grade(value: float | None, *, lowest: bool = False) -> int | None:
    """0 for a good value to 4 for a bad one; None where there is no value."""
    if value is None:
        return None
    if lowest:
        return sum(value > most for most in _FEW)
    return sum(value < least for least in _GOOD)


def number(value: float | None, decimals: int = 4) -> str:
    """A number of so many decimals, or `n/a`."""
    if value is None:
        return NA
    return f"{round(value, decimals) + 0.0:.{decimals}f}"  # adding 0 turns -0 into 0


def span(average: Mapping[str, Any], prefix: str = "") -> str:
    """An average's interval over captures (or with `cars_` over cars) as text.

    Nothing where there is none, or where it is over too few captures to mean anything.
    """
    low, high = average[f"{prefix}low"], average[f"{prefix}high"]
    if low is None or high is None or average["captures"] < LEAST_CAPTURES:
        return ""
    return f"{low:.3f} to {high:.3f}".replace("-", "\N{MINUS SIGN}")


def _spans(average: Mapping[str, Any], measure: str) -> str:
    own, cars = span(average), span(average, "cars_")
    return f"{own}; cars {cars}" if cars and measure == "mcc" else own


def _mean(rows: Sequence[Mapping[str, float | None]], measure: str) -> float | None:
    defined = [v for row in rows if (v := row.get(measure)) is not None]
    return sum(defined) / len(defined) if defined else None
