"""What the page shows of one family of captures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from ml.evaluation.captures import FUSED, CaptureScores, Family
from ml.evaluation.report import drawings
from ml.evaluation.report.pictures import Picture
from ml.evaluation.report.wording import at_most, rate, seconds
from ml.evaluation.style import look, split_title
from ml.evaluation.tables import MEASURES, NA, Cell, capture_cells, macro_rows, number, span

HEAT_MEASURES = ("mcc", "f1", "fpr", "ap", "auroc")
OPEN_MEASURES = ("mcc", "fpr")
_OUTCOME_SIGNS = {"better": "▲", "worse": "▼", "no difference shown": "=", "too few captures": "?"}


@dataclass(frozen=True)
class Lead:
    """The fusion against one rival in one family, as a cell."""

    outcome: str
    sign: str
    text: str
    notes: Sequence[str]


@dataclass(frozen=True)
class FamilySection:
    """One family as the page shows it."""

    name: str
    title: str
    question: str
    figures: Mapping[str, Any]
    cars: int
    macro: Mapping[str, Sequence[Cell]]
    dots: Picture | None
    heat: Sequence[tuple[str, str, bool, Sequence[tuple[Mapping[str, Any], Sequence[Cell]]]]]
    curves: Picture | None
    timelines: Sequence[Picture]
    thresholds: Sequence[tuple[str, Sequence[str]]]
    unshared: Mapping[str, Sequence[Cell]]
    overview: Sequence[Cell]

    @property
    def detectors(self) -> list[str]:
        """Names of the detectors, as headings."""
        return [look(name).label for name in self.figures["macro"]]


def family_section(family: Family, compared: Mapping[str, Any], timelines: int) -> FamilySection:
    """Everything the page shows of a family.

    Args:
        family: its captures.
        compared: what `compare` gave for them.
        timelines: how many captures to show over time.
    """
    rows = compared["captures"]
    return FamilySection(
        name=family.name,
        title=split_title(family.name),
        question=family.question,
        figures=compared,
        cars=len({row["vehicle"] for row in rows}),
        macro=macro_rows(compared),
        dots=drawings.dots(rows),
        heat=[
            (m, MEASURES[m], m in OPEN_MEASURES, [(row, capture_cells(row, m)) for row in rows])
            for m in HEAT_MEASURES
        ],
        curves=drawings.curves(family),
        timelines=drawings.timelines(family.captures, rows, timelines),
        thresholds=_thresholds(family.captures),
        unshared=_unshared(compared),
        overview=_overview(compared),
    )


def leads(families: Sequence[Mapping[str, Any]]) -> dict[str, list[Lead | None]]:
    """Per rival a cell for each family; None where the family has not this rival."""
    rivals = dict.fromkeys(rival for family in families for rival in family["against"])
    return {look(r).label: [_lead(f["against"].get(r)) for f in families] for r in rivals}


def _overview(compared: Mapping[str, Any]) -> list[Cell]:
    """Cells of one line: captures, macro MCC and F1, worst FPR, frames, events, alarms, delays."""
    macro, levels = compared["macro"].get(FUSED), compared["levels"]
    free, events, frames = compared["attack_free"], levels["event"], levels["frame"]
    if macro is None or events is None:
        return [Cell(NA)] * 9
    found = f"{events['found']} of {events['attack_events']}" if events["attack_events"] else NA
    return [
        Cell(f"{macro['mcc']['captures']} of {len(compared['captures'])}"),
        Cell(number(macro["mcc"]["mean"], 3), note=span(macro["mcc"])),
        Cell(number(macro["f1"]["mean"], 3), note=span(macro["f1"])),
        Cell(number(free["worst_fpr"].get(FUSED))),
        Cell(number(frames["f1"] if frames else None, 3)),
        Cell(found),
        Cell(rate(events), note=at_most(events)),
        Cell(seconds(events["delay_median"])),
        Cell(seconds(events["delay_worst"])),
    ]


def _lead(lead: Mapping[str, Any] | None) -> Lead | None:
    if lead is None:
        return None
    text = NA if lead["mean"] is None else f"{lead['mean']:+.4f}".replace("-", "\N{MINUS SIGN}")
    own, cars = span(lead), span(lead, "cars_")
    notes = [lead["outcome"], own, f"cars {cars}" if cars else ""]
    differ = f"differ on {lead['differing']} of {lead['captures']}"
    return Lead(
        lead["outcome"], _OUTCOME_SIGNS[lead["outcome"]], text, [n for n in (*notes, differ) if n]
    )


def _thresholds(captures: Sequence[CaptureScores]) -> list[tuple[str, list[str]]]:
    def of(capture: CaptureScores) -> tuple[float, ...]:
        return tuple(capture.thresholds.values())

    groups = [list(group) for _, group in groupby(sorted(captures, key=of), key=of)]
    return [(_shared_name(group), [number(value) for value in of(group[0])]) for group in groups]


def _shared_name(captures: Sequence[CaptureScores]) -> str:
    cars = {capture.vehicle for capture in captures}
    kinds = {capture.attack for capture in captures}
    listed = cars if len(cars) == 1 else {kind or "no attack" for kind in kinds}
    count = f"{len(captures)} capture{'' if len(captures) == 1 else 's'}"
    named = ", ".join(sorted(listed)) if len(listed) <= 3 else f"{len(cars)} cars"
    return f"{named} ({count})"


def _unshared(compared: Mapping[str, Any]) -> dict[str, list[Cell]]:
    """Per detector macro MCC and F1 with all windows, and without those shared with training."""
    without = compared["without_shared"]
    if without is None:
        return {}
    return {
        look(name).label: [
            Cell(number(part["macro"][name][measure]["mean"]))
            for measure in ("mcc", "f1", "fpr")
            for part in (compared, without)
        ]
        for name in compared["macro"]
    }
