"""The rivals that a learnt fusion has to beat, fitted on the same two columns of expert scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from ml.errors import InvalidInput
from ml.evaluation.metrics import Labels, Scores, checked, rates
from ml.evaluation.thresholds import tune_threshold
from ml.experts.calibration import balanced_weight

if TYPE_CHECKING:
    from ml.fusion.cache import PredictionCache
    from ml.fusion.config import FusionDataConfig

ALPHAS = np.linspace(0.0, 1.0, 101)
Rule = Callable[[Scores], float] | None


@dataclass(frozen=True)
class Baselines:
    """Fitted rivals as plain numbers.

    Attributes:
        alpha: the one weight of the classifier that does best.
        anomaly_weight: of the logistic regression.
        gat_weight: of the logistic regression.
        bias: of the logistic regression.
        thresholds: tuned for `mean`, `fixed_alpha`, `logistic_regression`, `gat` and `vgae`.
    """

    alpha: float
    anomaly_weight: float
    gat_weight: float
    bias: float
    thresholds: Mapping[str, float]

    def scores(self, anomaly: Scores, gat: Scores) -> dict[str, NDArray[np.float64]]:
        """Scores in [0, 1] of `mean`, `fixed_alpha` and `logistic_regression`, each (W,)."""
        first, second = np.asarray(anomaly, np.float64), np.asarray(gat, np.float64)
        logit = self.anomaly_weight * first + self.gat_weight * second + self.bias
        return {
            "mean": (first + second) / 2,
            "fixed_alpha": blend(first, second, self.alpha),
            "logistic_regression": np.asarray(expit(logit), np.float64),
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON numbers, the inverse of `from_dict`."""
        return {
            "alpha": self.alpha,
            "logistic_regression": {
                "anomaly_score": self.anomaly_weight,
                "gat_prob": self.gat_weight,
                "bias": self.bias,
            },
            "thresholds": dict(self.thresholds),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Baselines:
        """Baselines from what `to_dict` gave.

        Raises:
            InvalidInput: a field is missing or is no number.
        """
        try:
            logistic = values["logistic_regression"]
            return cls(
                alpha=float(values["alpha"]),
                anomaly_weight=float(logistic["anomaly_score"]),
                gat_weight=float(logistic["gat_prob"]),
                bias=float(logistic["bias"]),
                thresholds={name: float(value) for name, value in values["thresholds"].items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidInput(
                f"These are no baselines: {type(error).__name__} {error}.", "Fit them again."
            ) from error


def fit_baselines(cache: PredictionCache, data: FusionDataConfig) -> Baselines:
    """Fit every rival on the rows that the fusion learns from, with thresholds by its rule.

    Raises:
        InvalidInput: the cache lacks a class.
    """
    return fit_rivals(
        cache.anomaly_score, cache.gat_prob, cache.label, cache.rule(data), cache.part
    )


def fit_rivals(
    anomaly: Scores,
    gat: Scores,
    labels: Labels,
    rule: Rule = None,
    group: NDArray[Any] | None = None,
) -> Baselines:
    """Fit every rival on cross-fitted expert scores.

    Args:
        anomaly: (W,) calibrated anomaly scores in [0, 1].
        gat: (W,) attack probabilities in [0, 1].
        labels: (W,), 1 where the window holds an attack; both classes must occur.
        rule: gives a detector's threshold from its scores; None takes the one with the best F1.
        group: (W,) such as the capture of each window. Each counts alike, in the regression and in
            the choice of alpha, which goes by the mean correlation (MCC) over groups with attacks
            at the rule's threshold; None takes all for one.

    Raises:
        InvalidInput: a class is missing, lengths differ or a score is not finite.
    """
    attack, first = checked(labels, anomaly)
    _, second = checked(labels, gat)
    rule = rule or (lambda scores: tune_threshold(labels, scores))
    _, place = np.unique(np.zeros(len(attack)) if group is None else group, return_inverse=True)
    alpha = _best_alpha(first, second, attack, rule, place)
    weight = balanced_weight(attack.astype(np.uint8), place)
    (anomaly_weight, gat_weight), bias = _fit_logistic(first, second, attack, weight)
    untuned = Baselines(alpha, anomaly_weight, gat_weight, bias, {})
    columns = {**untuned.scores(first, second), "gat": second, "vgae": first}
    tuned = {name: rule(column) for name, column in columns.items()}
    return Baselines(alpha, anomaly_weight, gat_weight, bias, tuned)


def blend(anomaly: Scores, gat: Scores, alpha: float | Scores) -> NDArray[np.float64]:
    """The fused score `alpha·gat + (1 - alpha)·anomaly`, (W,)."""
    return np.asarray(alpha * gat + (1 - alpha) * anomaly, np.float64)


def oracle_scores(anomaly: Scores, gat: Scores, labels: Labels) -> NDArray[np.float64]:
    """The scores if alpha were chosen with the label known: what no fusion of the two can beat.

    Args:
        anomaly: (W,) anomaly scores.
        gat: (W,) attack probabilities.
        labels: (W,), non-zero where the window holds an attack.
    """
    highest, lowest = np.maximum(anomaly, gat), np.minimum(anomaly, gat)
    return np.where(np.asarray(labels).astype(bool), highest, lowest).astype(np.float64)


def _best_alpha(
    anomaly: Scores,
    gat: Scores,
    attack: NDArray[np.bool_],
    rule: Callable[[Scores], float],
    place: NDArray[np.intp],
) -> float:
    reached = np.zeros(len(ALPHAS))
    for n, alpha in enumerate(ALPHAS):
        blended = blend(anomaly, gat, alpha)
        reached[n] = _mean_mcc(attack, blended >= rule(blended), place)
    best = np.flatnonzero(reached == reached.max())
    runs = np.split(best, np.flatnonzero(np.diff(best) > 1) + 1)
    longest = max(runs, key=len)
    return float(ALPHAS[longest[len(longest) // 2]])


def _mean_mcc(
    attack: NDArray[np.bool_], flagged: NDArray[np.bool_], place: NDArray[np.intp]
) -> float:
    groups = int(place.max()) + 1
    cells = (attack & flagged, ~attack & flagged, attack & ~flagged, ~attack & ~flagged)
    counts = np.stack([np.bincount(place[cell], minlength=groups) for cell in cells], axis=1)
    each = rates(counts)["mcc"]
    return float(np.nanmean(each)) if np.isfinite(each).any() else 0.0


def _fit_logistic(
    anomaly: Scores, gat: Scores, attack: NDArray[np.bool_], weight: NDArray[np.float64]
) -> tuple[tuple[float, float], float]:
    columns = np.column_stack([anomaly, gat])
    model = LogisticRegression().fit(columns, attack, sample_weight=weight)
    first, second = (float(weight) for weight in model.coef_[0])
    return (first, second), float(model.intercept_[0])
