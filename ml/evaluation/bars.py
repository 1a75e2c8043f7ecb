"""Bars that need no network: two rules, and one tree, on windows relative to the car's profile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from ml.can.features import WINDOW_FEATURES
from ml.errors import InvalidInput
from ml.evaluation.metrics import Labels

Floats = NDArray[np.float32]
Names = NDArray[np.str_]
Rule = Callable[[Labels, NDArray[np.float64], Names], float]

# A rule's verdict is fixed beforehand: an unknown id, or a frame at less than half its usual time.
TWO_RULES_THRESHOLD = float(np.nextafter(np.float32(0.5), np.float32(1)))
HALF = 0.5


def two_rules(window: Floats) -> NDArray[np.float64]:
    """How surely an id is unknown to the profile or a frame came too early, (W,) in [0, 1].

    Args:
        window: (W, F) columns of WINDOW_FEATURES.
    """
    unknown = window[:, WINDOW_FEATURES.index("unknown_ids")] > 0
    early = 1 - np.clip(window[:, WINDOW_FEATURES.index("least_ratio")].astype(np.float64), 0, 1)
    return np.where(unknown, 1.0, early)


@dataclass(frozen=True)
class Bars:
    """The bars, ready to score; the tree lives no longer than the job that grew it.

    Attributes:
        tree: of all the windows given.
        thresholds: of `tree` by the same rule as every detector's, `tree_half` (the same tree,
            cut at 0.5) and `two_rules`.
    """

    tree: HistGradientBoostingClassifier
    thresholds: Mapping[str, float]

    def scores(self, window: Floats) -> dict[str, NDArray[np.float64]]:
        """Scores in [0, 1] of each bar, (W,).

        Args:
            window: (W, F) columns of WINDOW_FEATURES.
        """
        grown = _attack_probability(self.tree, window)
        return {"tree": grown, "tree_half": grown, "two_rules": two_rules(window)}


def fit_bars(
    window: Floats, label: Labels, vehicle: Names, capture: Names, rule: Rule, *, seed: int = 0
) -> Bars:
    """Grow the tree, and find its threshold on scores of trees that did not see the car.

    Args:
        window: (n, F) columns of WINDOW_FEATURES, of the training cars.
        label: (n,) non-zero where the window holds an attack; both classes must occur.
        vehicle: (n,) the car of each window.
        capture: (n,) the capture of each window.
        rule: gives a threshold from labels, cross-fitted scores and groups, (n,) each.
        seed: of the tree.

    Raises:
        InvalidInput: a class is missing or columns do not fit.
    """
    if window.shape != (len(label), len(WINDOW_FEATURES)):
        raise InvalidInput(
            f"Windows of shape {window.shape} do not fit {len(label)} labels.",
            f"Give the {len(WINDOW_FEATURES)} window features of each labelled window.",
        )
    attack = np.asarray(label) > 0
    if attack.all() or not attack.any():
        raise InvalidInput(
            "A tree needs windows with and without attacks.", "Add captures of the missing sort."
        )
    group = vehicle if len(np.unique(vehicle)) > 1 else capture
    threshold = rule(label, cross_fitted(window, attack, group, seed), group)
    thresholds = {"tree": threshold, "tree_half": HALF, "two_rules": TWO_RULES_THRESHOLD}
    return Bars(_grow(window, attack, seed), thresholds)


def cross_fitted(
    window: Floats, attack: NDArray[np.bool_], group: Names, seed: int = 0
) -> NDArray[np.float64]:
    """Scores of each group by a tree of the other groups, (n,).

    A group whose others are all of one class gets that class for a score: nothing else is known.
    """
    scores = np.zeros(len(attack))
    for name in np.unique(group):
        out = group == name
        known = attack[~out]
        if known.any() and not known.all():
            tree = _grow(window[~out], known, seed)
            scores[out] = _attack_probability(tree, window[out])
        else:
            scores[out] = float(known.any())
    return scores


def _grow(window: Floats, attack: NDArray[np.bool_], seed: int) -> HistGradientBoostingClassifier:
    # Early stopping would hold out windows of the very captures it grows on.
    tree = HistGradientBoostingClassifier(early_stopping=False, random_state=seed)
    return tree.fit(window, attack)


def _attack_probability(tree: Any, window: Floats) -> NDArray[np.float64]:
    return np.asarray(tree.predict_proba(window)[:, 1], np.float64)
