"""Tables of a comparison as the page shows them: numbers as text, the best of a column marked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.evaluation.baselines import oracle_scores
from ml.evaluation.comparison import CaptureScores, by_split, compare_intervals, pool
from ml.evaluation.metrics import Interval, window_metrics
from ml.evaluation.style import look, split_title
from ml.evaluation.thresholds import tune_threshold_at_fpr
from ml.evaluation.verdict import FUSED

MEASURES = {
    "f1": "F1",
    "precision": "Precision",
    "recall": "Recall",
    "fpr": "FPR",
    "auroc": "AUROC",
    "ap": "AP",
    "mcc": "MCC",
    "recall_at_fpr": "Recall at FPR 1 %",
}
_LOWER_IS_BETTER = {"fpr"}


@dataclass(frozen=True)
class Cell:
    """A number as text, whether it is the best of its kind, and its interval."""

    text: str
    best: bool = False
    note: str = ""


@dataclass(frozen=True)
class SplitTable:
    """One split: its title, its size and a row of cells per detector."""

    name: str
    title: str
    captures: int
    windows: int
    attack_windows: int
    rows: Mapping[str, Sequence[Cell]]


def split_tables(
    comparison: Mapping[str, Any],
    captures: Sequence[CaptureScores],
    thresholds: Mapping[str, float],
) -> list[SplitTable]:
    """Every measure of every detector, a table per split."""
    intervals = compare_intervals(captures, thresholds)
    return [
        SplitTable(
            name=split,
            title=split_title(split),
            captures=len(members),
            windows=sum(len(c.labels) for c in members),
            attack_windows=sum(int(np.count_nonzero(c.labels)) for c in members),
            rows=_split_rows(comparison["splits"][split], members, intervals[split]),
        )
        for split, members in by_split(captures).items()
    ]


def overview(
    comparison: Mapping[str, Any],
    captures: Sequence[CaptureScores],
    thresholds: Mapping[str, float],
    splits: Sequence[str],
) -> dict[str, list[Cell]]:
    """F1 per detector over the given splits and their mean, the oracle last."""
    names = list(comparison["splits"][splits[0]]) if splits else []
    f1 = {name: [comparison["splits"][s][name]["f1"] for s in splits] for name in names}
    columns = [best_marked([values[i] for values in f1.values()]) for i in range(len(splits))]
    columns.append(best_marked([float(np.mean(values)) for values in f1.values()]))
    rows = {look(name).label: [column[i] for column in columns] for i, name in enumerate(names)}
    bound = _oracle_f1(captures, thresholds, splits) if rows else []
    if bound:
        rows["Oracle alpha"] = [Cell(number(value)) for value in (*bound, float(np.mean(bound)))]
    return rows


def capture_cells(row: Mapping[str, Any], measure: str) -> list[Cell]:
    """One measure of every detector on one capture."""
    values = [measures[measure] for measures in row["detectors"].values()]
    return best_marked(values, lowest=measure in _LOWER_IS_BETTER)


def best_marked(values: Sequence[float | None], *, lowest: bool = False) -> list[Cell]:
    """Cells with the best value marked, all that tie with it too, none where all are equal."""
    texts = [number(value) for value in values]
    shown = [float(text) for text, value in zip(texts, values, strict=True) if value is not None]
    best = None if len(set(shown)) < 2 else number(min(shown) if lowest else max(shown))
    return [Cell(text, best=text == best) for text in texts]


def number(value: float | None) -> str:
    """Four decimals, or `n/a`."""
    return "n/a" if value is None else f"{value:.4f}"


def _split_rows(
    measured: Mapping[str, Mapping[str, float | None]],
    members: Sequence[CaptureScores],
    intervals: Mapping[str, Mapping[str, Interval | None]],
) -> dict[str, list[Cell]]:
    values = {
        name: {**measures, "recall_at_fpr": _recall_at_fpr(members, name)}
        for name, measures in measured.items()
    }
    columns = {
        measure: best_marked(
            [v[measure] for v in values.values()], lowest=measure in _LOWER_IS_BETTER
        )
        for measure in MEASURES
    }
    return {
        look(name).label: [
            Cell(column[i].text, column[i].best, _span(intervals[name].get(measure)))
            for measure, column in columns.items()
        ]
        for i, name in enumerate(values)
    }


def _recall_at_fpr(members: Sequence[CaptureScores], name: str) -> float | None:
    """Recall where at most 1 % of these very benign windows are flagged: it compares rankings."""
    labels, scores = pool(members, name)
    attack = np.asarray(labels) > 0
    if not attack.any() or attack.all():
        return None
    return window_metrics(labels, scores, tune_threshold_at_fpr(labels, scores, 0.01)).recall


def _oracle_f1(
    captures: Sequence[CaptureScores], thresholds: Mapping[str, float], splits: Iterable[str]
) -> list[float]:
    found = []
    members = by_split(captures)
    for split in splits:
        if not {"gat", "vgae"} <= set(members[split][0].scores):
            return []
        (labels, gat), (_, anomaly) = pool(members[split], "gat"), pool(members[split], "vgae")
        f1 = window_metrics(labels, oracle_scores(anomaly, gat, labels), thresholds[FUSED]).f1
        found.append(f1 or 0.0)
    return found


def _span(interval: Interval | None) -> str:
    return f"{interval.low:.3f}\u2013{interval.high:.3f}" if interval else ""
