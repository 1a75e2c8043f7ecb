"""How good verdicts are, window by window.

A measure that its inputs do not define is None, never 0: a capture without a single attack window
has a false-positive rate and nothing else.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.errors import InvalidInput

Scores = NDArray[np.floating[Any]]
Labels = NDArray[np.integer[Any]]
Counts = NDArray[np.integer[Any]] | NDArray[np.bool_]


@dataclass(frozen=True)
class Metrics:
    """One detector on one set of windows, or of frames; None where undefined.

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
    return weighted_metrics(values, threshold, attack, ~attack)


def weighted_metrics(scores: Scores, threshold: float, attack: Counts, benign: Counts) -> Metrics:
    """Every measure where each score stands for several units.

    Args:
        scores: (n,).
        threshold: on the scale of the scores.
        attack: (n,) how many attack units have this score.
        benign: (n,) how many benign ones.
    """
    found = {
        name: _number(value)
        for name, value in rates(weighted_confusion(scores, threshold, attack, benign)).items()
    }
    auroc, ap = ranking(scores, attack, benign)
    return Metrics(**found, auroc=auroc, ap=ap)


def confusion(labels: Labels, scores: Scores, threshold: float) -> NDArray[np.int64]:
    """Counts of true positives, false positives, false negatives, true negatives, shape (4,)."""
    attack, values = checked(labels, scores)
    return weighted_confusion(values, threshold, attack, ~attack)


def weighted_confusion(
    scores: Scores, threshold: float, attack: Counts, benign: Counts
) -> NDArray[np.int64]:
    """`confusion` where each score stands for several units; (n,) each."""
    flagged = np.asarray(scores) >= threshold
    cells = (attack[flagged], benign[flagged], attack[~flagged], benign[~flagged])
    return np.array([cell.sum(dtype=np.int64) for cell in cells])


def rates(counts: NDArray[Any]) -> dict[str, NDArray[np.float64]]:
    """The threshold measures of many confusion counts at once.

    Args:
        counts: (..., 4) of true positives, false positives, false negatives, true negatives.

    Returns:
        `f1`, `precision`, `recall`, `fpr`, `mcc`, each of shape (...), NaN where undefined.
    """
    tp, fp, fn, tn = np.moveaxis(np.asarray(counts, dtype=np.float64), -1, 0)
    attacks, benign, flagged, passed = tp + fn, fp + tn, tp + fp, fn + tn
    # In pairs, so that perfect verdicts give exactly 1 and large counts do not overflow.
    spread = np.sqrt(attacks * flagged) * np.sqrt(benign * passed)
    correlation = np.where(spread > 0, _ratio(tp * tn - fp * fn, spread), 0.0)
    return {
        "f1": np.where(attacks > 0, _ratio(2 * tp, flagged + attacks), np.nan),
        "precision": np.where(attacks > 0, _ratio(tp, flagged), np.nan),
        "recall": _ratio(tp, attacks),
        "fpr": _ratio(fp, benign),
        "mcc": np.where((attacks > 0) & (benign > 0), correlation, np.nan),
    }


def ranking(scores: Scores, attack: Counts, benign: Counts) -> tuple[float | None, float | None]:
    """Areas under the ROC curve and the precision-recall step curve, equal scores as one step.

    Args:
        scores: (n,).
        attack: (n,) how many attack units have this score.
        benign: (n,) how many benign ones.

    Returns:
        AUROC, None without attack or without benign units; average precision, None without attack.
    """
    order = np.argsort(scores)[::-1]
    if not len(order):
        return None, None
    step = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    above, wrong = (np.cumsum(np.asarray(w, np.float64)[order])[step] for w in (attack, benign))
    attacks, benigns = above[-1], wrong[-1]
    if not attacks:
        return None, None
    found = np.diff(above, prepend=0)
    # A step may hold no unit at all, where all its weights are 0.
    precision = np.divide(above, above + wrong, out=np.zeros_like(above), where=above > 0)
    ap = float(found @ precision / attacks)
    if not benigns:
        return None, ap
    return float(np.diff(wrong, prepend=0) @ (above - found / 2) / (attacks * benigns)), ap


def checked(labels: Counts, scores: Scores) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Labels as booleans and scores as doubles, or `InvalidInput` where they cannot be used."""
    attack = np.asarray(labels, dtype=np.int64) > 0
    values = np.asarray(scores, dtype=np.float64)
    if attack.ndim != 1 or attack.shape != values.shape:
        raise InvalidInput(
            f"Labels of shape {attack.shape} do not fit scores of shape {values.shape}.",
            "Give one label and one score for each window.",
        )
    if not np.isfinite(values).all():
        raise InvalidInput("A score is not a finite number.", "Remove NaN and infinite scores.")
    return attack, values


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(above, below, out=np.full_like(below, np.nan), where=below > 0)


def _number(value: NDArray[np.float64]) -> float | None:
    return None if np.isnan(value) else float(value)
