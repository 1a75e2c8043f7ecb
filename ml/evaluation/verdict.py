"""What a report says first: whether the fusion beats its rivals, and where it does not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ml.evaluation.averages import LEAST_CAPTURES
from ml.evaluation.captures import FUSED
from ml.evaluation.style import look, split_title

_WORST_FIRST = ("worse", "no difference shown", "too few captures")
_SAID = {
    "worse": "worse than {}",
    "no difference shown": "no difference shown to {}",
    "too few captures": "too few captures to tell from {}",
}


@dataclass(frozen=True)
class Verdict:
    """The fusion against each rival, family by family.

    Attributes:
        wins: whether it is better than every rival in every family.
        sentence: the outcome.
        doubts: what else one must know to believe it.
    """

    wins: bool
    sentence: str
    doubts: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-able fields."""
        return asdict(self)


def judge(families: Sequence[Mapping[str, Any]]) -> Verdict:
    """Say whether the fusion is better than each rival in macro MCC.

    A family with fewer than `LEAST_CAPTURES` captures that have attacks cannot tell; where others
    can, it is left out of the sentence and named among the doubts.

    Args:
        families: what `compare` gave for each, with its `name`.
    """
    judged = [family for family in families if family["against"] and _captures(family)]
    if not judged:
        return Verdict(wins=False, sentence=_nothing(families))
    telling = [family for family in judged if _captures(family) >= LEAST_CAPTURES]
    silent = [family for family in judged if _captures(family) < LEAST_CAPTURES]
    if not telling:
        return Verdict(wins=False, sentence=_too_few(judged))
    short = {_name(family): _shortcomings(family["against"]) for family in telling}
    short = {name: said for name, said in short.items() if said}
    doubts = (*_of_cars(telling), *_of_ties(telling), *_left_out(silent))
    if not short:
        where = _listed([_name(family) for family in telling])
        sentence = f"The learnt fusion beats every rival in macro MCC ({where})."
        return Verdict(wins=True, sentence=sentence, doubts=doubts)
    told = " ".join(f"{name}: {said}." for name, said in short.items())
    sentence = f"The learnt fusion does not beat every rival in macro MCC. {told}"
    return Verdict(wins=False, sentence=sentence, doubts=doubts)


def _shortcomings(against: Mapping[str, Mapping[str, Any]]) -> str:
    rivals: defaultdict[str, list[str]] = defaultdict(list)
    for rival, lead in against.items():
        by = f" by {-lead['mean']:.4f}" if lead["outcome"] == "worse" else ""
        rivals[lead["outcome"]].append(f"{look(rival).label}{by}")
    return "; ".join(
        _SAID[outcome].format(_listed(rivals[outcome]))
        for outcome in _WORST_FIRST
        if rivals[outcome]
    )


def _nothing(families: Sequence[Mapping[str, Any]]) -> str:
    if any(FUSED in family["macro"] and _captures(family) for family in families):
        return "The learnt fusion was measured without any rival, so there is nothing to judge."
    return "No capture has both attacks and benign windows, so there is nothing to judge."


def _too_few(families: Sequence[Mapping[str, Any]]) -> str:
    """One sentence with the best rival over all captures, without a claim."""
    total = sum(_captures(family) for family in families)
    mean = {
        name: sum(f["macro"][name]["mcc"]["mean"] * _captures(f) for f in families) / total
        for name in families[0]["macro"]
    }
    best = max((name for name in mean if name != FUSED), key=lambda name: mean[name])
    captures = "One capture" if total == 1 else f"{total} captures"
    return (
        f"{captures} with attacks cannot tell whether the learnt fusion beats its rivals: mean MCC "
        f"{mean[FUSED]:.4f} against {mean[best]:.4f} of {look(best).label}, the best of them here."
    )


def _of_cars(families: Sequence[Mapping[str, Any]]) -> list[str]:
    """Wins that do not survive drawing cars instead of captures."""
    doubts = []
    for family in families:
        unsure = [
            look(rival).label
            for rival, lead in family["against"].items()
            if lead["outcome"] == "better" and not (lead["cars_low"] or 0) > 0
        ]
        if unsure:
            doubts.append(
                f"{_name(family)}: captures of one car are alike. Drawing cars instead of captures,"
                f" the lead over {_listed(unsure)} is not shown."
            )
    return doubts


def _of_ties(families: Sequence[Mapping[str, Any]]) -> list[str]:
    doubts = []
    for family in families:
        few = [
            f"{look(rival).label} ({lead['differing']} of {lead['captures']})"
            for rival, lead in family["against"].items()
            if lead["outcome"] in ("better", "worse") and lead["differing"] < LEAST_CAPTURES
        ]
        if few:
            doubts.append(
                f"{_name(family)}: few captures tell the fusion from {_listed(few)} at all."
            )
    return doubts


def _left_out(families: Sequence[Mapping[str, Any]]) -> list[str]:
    if not families:
        return []
    told = _listed([f"{_name(family)} ({_captures(family)})" for family in families])
    return [f"Too few captures with attacks to judge by themselves: {told}."]


def _captures(family: Mapping[str, Any]) -> int:
    return int(family["macro"][FUSED]["mcc"]["captures"]) if FUSED in family["macro"] else 0


def _name(family: Mapping[str, Any]) -> str:
    return split_title(family["name"])


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
