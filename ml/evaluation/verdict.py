"""One sentence that says whether the fusion earned its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.comparison import CaptureScores, by_split
from ml.evaluation.metrics import Interval, confusion, rates
from ml.evaluation.style import look

FUSED = "fused"


@dataclass(frozen=True)
class Verdict:
    """The fusion against its best rival.

    Attributes:
        wins: whether the fusion is better at four decimals.
        sentence: the outcome with its figures.
        doubt: what the captures' number leaves open, or "".
        mean_f1: per detector, the mean over the scored splits of the split's pooled F1.
        splits: names of the splits that count: the test splits with attacks.
        rival: the best detector that is not the fusion.
        difference: bootstrap interval of the lead over captures, where it can be given.
    """

    wins: bool
    sentence: str
    doubt: str = ""
    mean_f1: Mapping[str, float] | None = None
    splits: tuple[str, ...] = ()
    rival: str | None = None
    difference: Interval | None = None


def judge(
    comparison: Mapping[str, Any],
    captures: Sequence[CaptureScores],
    thresholds: Mapping[str, float],
) -> Verdict:
    """Compare the fusion with its best rival on the test splits.

    The best rival is chosen on the same test splits, which favours the rival.
    """
    splits = scored_splits(comparison)
    if not splits:
        return Verdict(wins=False, sentence="No split has both attacks and a fused score to judge.")
    mean_f1 = {
        name: float(np.mean([comparison["splits"][split][name]["f1"] for split in splits]))
        for name in comparison["splits"][splits[0]]
    }
    rivals = {name: value for name, value in mean_f1.items() if name != FUSED}
    own = mean_f1[FUSED]
    if not rivals:
        sentence = f"The learnt fusion reaches F1 {own:.4f} on test; no rival was measured."
        return Verdict(wins=False, sentence=sentence, mean_f1=mean_f1, splits=splits)
    rival = max(rivals, key=lambda name: rivals[name])
    lead = round(own, 4) - round(rivals[rival], 4)
    difference = _difference([c for c in captures if c.split in splits], rival, thresholds)
    return Verdict(
        wins=lead > 0,
        sentence=_sentence(own, rivals[rival], rival, len(splits), tested=tested(splits)),
        doubt=_doubt(difference),
        mean_f1=mean_f1,
        splits=splits,
        rival=rival,
        difference=difference,
    )


def tested(splits: Sequence[str]) -> bool:
    """Whether these are test splits."""
    return any(name.startswith("test") for name in splits)


def scored_splits(comparison: Mapping[str, Any]) -> tuple[str, ...]:
    """The test splits (all splits where none is a test split) with an F1 of the fusion."""
    splits = comparison["splits"]
    tests = [name for name in splits if name.startswith("test")] or list(splits)
    return tuple(s for s in tests if splits[s].get(FUSED, {}).get("f1") is not None)


def _sentence(own: float, best: float, rival: str, splits: int, *, tested: bool) -> str:
    where = "on the test split" if splits == 1 else f"on average over {splits} test splits"
    if not tested:
        where = "on the captures it was trained on, which says nothing about new traffic"
    lead = round(own, 4) - round(best, 4)
    outcome = "beats" if lead > 0 else "does not beat"
    figures = f"F1 {own:.4f} against {best:.4f}, {_signed(lead)}" if lead else f"both F1 {own:.4f}"
    return f"The learnt fusion {outcome} its best rival ({look(rival).label}) {where}: {figures}."


def _signed(value: float) -> str:
    return f"{value:+.4f}".replace("-", "\N{MINUS SIGN}")


def _doubt(difference: Interval | None) -> str:
    if difference is None:
        return "A split has a single capture, so how sure this is cannot be told."
    span = f"between {_signed(difference.low)} and {_signed(difference.high)}"
    told = f"Over resampled captures the difference lies {span} (95 % interval)"
    chance = difference.low <= 0 <= difference.high
    return f"{told}: it may be chance." if chance else f"{told}."


def _difference(
    captures: Sequence[CaptureScores], rival: str, thresholds: Mapping[str, float]
) -> Interval | None:
    """Paired: each resample measures both detectors on the same captures of every split."""
    generator = np.random.default_rng(0)
    leads = []
    for members in by_split(captures).values():
        if len(members) < 2:
            return None
        draws = generator.multinomial(len(members), np.full(len(members), 1 / len(members)), 2000)
        own, other = (_f1(members, name, thresholds[name], draws) for name in (FUSED, rival))
        leads.append(own - other)
    lead = np.mean(leads, axis=0)
    defined = lead[~np.isnan(lead)]
    if not len(defined):
        return None
    low, high = np.quantile(defined, [0.025, 0.975])
    return Interval(float(low), float(high))


def _f1(
    members: Sequence[CaptureScores], name: str, threshold: float, draws: NDArray[np.int64]
) -> NDArray[np.float64]:
    counts = np.stack([confusion(c.labels, c.scores[name], threshold) for c in members])
    return rates(draws @ counts)["f1"]
