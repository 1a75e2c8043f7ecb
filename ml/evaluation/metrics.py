"""How good verdicts are, window by window, and how sure that is.

A measure that its inputs do not define is None, never 0: a capture without a single attack window
has a false-positive rate and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from ml.errors import InvalidInput

Scores = NDArray[np.floating[Any]]
Labels = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Metrics:
    """One detector on one set of windows; None where undefined.

    Attributes:
        f1: harmonic mean of precision and recall; 0 when there are attacks and none was found.
        precision: share of the flagged windows that are attacks; None when none was flagged.
        recall: share of the attack windows that were flagged.
        fpr: share of the benign windows that were flagged.
        auroc: area under the ROC curve.
        ap: average precision (area under the precision-recall step curve).
        mcc: Matthews correlation; 0 when every window got the same verdict.
    """

    f1: float | None
    precision: float | None
    recall: float | None
    fpr: float | None
    auroc: float | None
    ap: float | None
    mcc: float | None

    def to_dict(self) -> dict[str, float | None]:
        """The measures by name."""
        return asdict(self)


def window_metrics(labels: Labels, scores: Scores, threshold: float) -> Metrics:
    """Every measure of one detector.

    Args:
        labels: (W,), non-zero where the window holds an attack.
        scores: (W,), higher is more suspicious; flagged where `score >= threshold`.
        threshold: on the scale of the scores.

    Raises:
        InvalidInput: lengths differ or a score is not a finite number.
    """
    attack, values = checked(labels, scores)
    found = {
        name: _number(value) for name, value in rates(_counts(attack, values, threshold)).items()
    }
    has_attacks, has_benign = bool(attack.any()), not bool(attack.all())
    auroc = float(roc_auc_score(attack, values)) if has_attacks and has_benign else None
    ap = float(average_precision_score(attack, values)) if has_attacks else None
    return Metrics(**found, auroc=auroc, ap=ap)


def confusion(labels: Labels, scores: Scores, threshold: float) -> NDArray[np.int64]:
    """Counts of true positives, false positives, false negatives, true negatives, shape (4,)."""
    return _counts(*checked(labels, scores), threshold)


def rates(counts: NDArray[Any]) -> dict[str, NDArray[np.float64]]:
    """The threshold measures of many confusion counts at once.

    Args:
        counts: (..., 4) of true positives, false positives, false negatives, true negatives.

    Returns:
        `f1`, `precision`, `recall`, `fpr`, `mcc`, each of shape (...), NaN where undefined.
    """
    tp, fp, fn, tn = np.moveaxis(np.asarray(counts, dtype=np.float64), -1, 0)
    attacks, benign, flagged, passed = tp + fn, fp + tn, tp + fp, fn + tn
    spread = np.sqrt(attacks) * np.sqrt(benign) * np.sqrt(flagged) * np.sqrt(passed)
    correlation = np.where(spread > 0, _ratio(tp * tn - fp * fn, spread), 0.0)
    return {
        "f1": np.where(attacks > 0, _ratio(2 * tp, flagged + attacks), np.nan),
        "precision": np.where(attacks > 0, _ratio(tp, flagged), np.nan),
        "recall": _ratio(tp, attacks),
        "fpr": _ratio(fp, benign),
        "mcc": np.where((attacks > 0) & (benign > 0), correlation, np.nan),
    }


@dataclass(frozen=True)
class Interval:
    """Where a measure lies when other captures of the same sort had been recorded.

    Attributes:
        low: lower end.
        high: upper end.
    """

    low: float
    high: float


def bootstrap_intervals(
    counts: NDArray[Any],
    *,
    macro: bool = False,
    draws: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Mapping[str, Interval | None]:
    """Percentile intervals of the threshold measures, by resampling whole captures.

    Windows of one capture are alike, so resampling windows would claim far too much certainty;
    the capture is the unit that was sampled (cluster bootstrap, Davison & Hinkley 1997, §3.8).

    Args:
        counts: (captures, 4) confusion counts, one row a capture.
        macro: the mean of the captures' own measures (those defined) instead of the measure of
            their pooled counts.
        draws: resamples.
        level: share of the resamples inside the interval.
        seed: of the resampling.

    Returns:
        An interval for each of `rates`; None with fewer than two captures or where undefined.
    """
    captures = len(counts)
    if captures < 2:
        return dict.fromkeys(rates(np.zeros((1, 4))))
    generator = np.random.default_rng(seed)
    weights = generator.multinomial(captures, np.full(captures, 1 / captures), size=draws)
    drawn = _macro(weights, counts) if macro else rates(weights @ np.asarray(counts))
    return {name: _interval(values, level) for name, values in drawn.items()}


def checked(labels: Labels, scores: Scores) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Labels as booleans and scores as doubles, or `InvalidInput` where they cannot be used."""
    attack, values = np.asarray(labels) > 0, np.asarray(scores, dtype=np.float64)
    if attack.ndim != 1 or attack.shape != values.shape:
        raise InvalidInput(
            f"Labels of shape {attack.shape} do not fit scores of shape {values.shape}.",
            "Give one label and one score for each window.",
        )
    if not np.isfinite(values).all():
        raise InvalidInput("A score is not a finite number.", "Remove NaN and infinite scores.")
    return attack, values


def _counts(
    attack: NDArray[np.bool_], values: NDArray[np.float64], threshold: float
) -> NDArray[np.int64]:
    flagged = values >= threshold
    cells = (attack & flagged, ~attack & flagged, attack & ~flagged, ~attack & ~flagged)
    return np.array([np.count_nonzero(cell) for cell in cells], dtype=np.int64)


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(above, below, out=np.full_like(below, np.nan), where=below > 0)


def _number(value: NDArray[np.float64]) -> float | None:
    return None if np.isnan(value) else float(value)


def _macro(weights: NDArray[np.int64], counts: NDArray[Any]) -> dict[str, NDArray[np.float64]]:
    means = {}
    for name, values in rates(counts).items():
        defined = ~np.isnan(values)
        total = (weights[:, defined] @ values[defined]).astype(np.float64)
        means[name] = _ratio(total, weights[:, defined].sum(axis=1).astype(np.float64))
    return means


def _interval(values: NDArray[np.float64], level: float) -> Interval | None:
    defined = values[~np.isnan(values)]
    if not len(defined):
        return None
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))
