"""Where to cut a score: for the best F1, or for a false-positive rate that holds on new traffic."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from ml.errors import InvalidInput
from ml.evaluation.metrics import Labels, Scores, checked

_LEAST = 1e-6
_ABOVE_ALL = float(np.nextafter(np.float32(1), np.float32(2)))


def tune_threshold(labels: Labels, scores: Scores) -> float:
    """The threshold with the highest F1 of `score >= threshold`.

    Among equally good thresholds it is the middle of the widest gap between neighbouring scores
    (in log-odds where they lie in [0, 1]), which leaves new scores the most room on both sides. The
    value is exact in single precision, so single and double precision scores get the same verdicts.
    O(W log W).

    Args:
        labels: (W,), non-zero where the window holds an attack; both classes must occur.
        scores: (W,), finite.

    Raises:
        InvalidInput: a class is missing, lengths differ or a score is not finite.
    """
    return best_cut(labels, scores)[0]


def best_cut(labels: Labels, scores: Scores) -> tuple[float, float]:
    """`tune_threshold` together with the F1 that it reaches on these windows."""
    attack, values = checked(labels, scores)
    _require_both(attack)
    levels, f1 = _f1_by_level(attack, values)
    below = np.append(levels[1:], levels[-1])
    best = np.flatnonzero(f1 == f1.max())
    cut = best[np.argmax((levels - below)[best])]
    return _between(float(below[cut]), float(levels[cut])), float(f1[cut])


def tune_threshold_at_fpr(labels: Labels, scores: Scores, fpr: float) -> float:
    """The lowest threshold whose false-positive rate on new benign windows is at most `fpr`.

    Split conformal prediction with the finite-sample rank ceil((n + 1)(1 - fpr)): for benign
    windows exchangeable with the n given, the chance that a new one is flagged is at most `fpr`,
    whatever the scores' distribution (Vovk, Gammerman & Shafer, Algorithmic Learning in a Random
    World, 2005; Angelopoulos & Bates, arXiv:2107.07511, §1). Windows of another vehicle are not
    exchangeable with these. With fewer than 1/fpr - 1 benign windows only silence keeps the
    promise: the threshold then lies above 1.

    Args:
        labels: (W,), non-zero where the window holds an attack; benign windows must occur.
        scores: (W,) in [0, 1].
        fpr: allowed share of benign windows flagged, in (0, 1).

    Raises:
        InvalidInput: `fpr` out of range, no benign window, lengths differ, a score is not finite.
    """
    if not 0 < fpr < 1:
        raise InvalidInput(f"A false-positive rate of {fpr} cannot be held.", "Give one in (0, 1).")
    attack, values = checked(labels, scores)
    benign = values[~attack]
    if not len(benign):
        raise InvalidInput(
            "There is no benign window to hold a false-positive rate on.", "Add some."
        )
    rank = len(benign) + 1 - math.floor((len(benign) + 1) * fpr)
    if rank > len(benign):
        return _ABOVE_ALL
    return just_above(float(np.partition(benign, rank - 1)[rank - 1]))


def _f1_by_level(
    attack: NDArray[np.bool_], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distinct scores, falling, and the F1 of flagging each and all above it."""
    order = np.argsort(-values, kind="stable")
    falling = values[order]
    last = np.append(np.flatnonzero(np.diff(falling)), len(falling) - 1)
    found = np.cumsum(attack[order])[last]
    return falling[last], 2 * found / (last + 1 + attack.sum())


def _between(low: float, high: float) -> float:
    """The middle of (low, high], exact in single precision where that still lies inside.

    Between two scores of [0, 1] it is the middle of their log-odds: a calibrated score went through
    a sigmoid, which crowds what lies far from 0.5.
    """
    if 0 <= low < high <= 1:
        odds = logit(np.clip([low, high], _LEAST, 1 - _LEAST)).mean()
        middle = float(np.float32(expit(odds)))
    else:
        middle = float(np.float32((low + high) / 2))
    return middle if low < middle <= high else high


def just_above(value: float) -> float:
    """The least number of single precision above a score."""
    single = np.float32(value)
    return float(single if single > value else np.nextafter(single, np.float32(np.inf)))


def _require_both(attack: NDArray[np.bool_]) -> None:
    if attack.any() and not attack.all():
        return
    missing = "benign" if attack.any() else "attack"
    raise InvalidInput(
        f"A threshold cannot be tuned: there is no {missing} window.",
        "Tune on windows with and without attacks.",
    )
