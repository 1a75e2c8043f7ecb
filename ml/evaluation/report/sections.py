"""What the page shows of one family of captures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from ml.evaluation.captures import FUSED, CaptureScores, Family
from ml.evaluation.report.curves import detection_curves
from ml.evaluation.report.dots import MOST_CAPTURES, capture_dots
from ml.evaluation.report.pictures import Picture, picture
from ml.evaluation.report.timelines import mistakes, timeline, worst_first
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
        dots=_dots(rows),
        heat=[
            (m, MEASURES[m], m in OPEN_MEASURES, [(row, capture_cells(row, m)) for row in rows])
            for m in HEAT_MEASURES
        ],
        curves=_curves(family),
        timelines=_timelines(family.captures, rows, timelines),
        thresholds=_thresholds(family.captures),
        unshared=_unshared(compared),
        overview=_overview(compared),
    )


def leads(families: Sequence[Mapping[str, Any]]) -> dict[str, list[Lead | None]]:
    """Per rival a cell for each family; None where the family has not this rival."""
    rivals = dict.fromkeys(rival for family in families for rival in family["against"])
    return {look(r).label: [_lead(f["against"].get(r)) for f in families] for r in rivals}


def seconds(value: float | None) -> str:
    """A duration as people say it, or `n/a`."""
    if value is None:
        return NA
    if value < 1:
        return f"{1000 * value:.0f} ms"
    return f"{value:.1f} s" if value < 120 else f"{value / 60:.1f} min"


def rate(events: Mapping[str, Any]) -> str:
    """False alarms an hour, or `n/a`."""
    return number(events["false_alarms_per_hour"], 1)


def at_most(events: Mapping[str, Any]) -> str:
    """What the false alarms an hour may be at most, or nothing."""
    most = events["false_alarms_per_hour_at_most"]
    return "" if most is None else f"at most {most:.1f}"


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


def _dots(rows: Sequence[Mapping[str, Any]]) -> Picture | None:
    drawn = capture_dots(rows)
    if drawn is None:
        return None
    captures = sum(row["detectors"].get(FUSED, {}).get("mcc") is not None for row in rows)
    some = f" The {MOST_CAPTURES} worst captures are shown." if captures > MOST_CAPTURES else ""
    return picture(
        drawn,
        "MCC of every detector on every capture with attacks; the table below has the figures.",
        "MCC on each capture with attacks, the fusion's worst on top. A step to the right leaves a "
        f"tenth of the error; the right edge stands for 0.9999 and more.{some}",
    )


def _curves(family: Family) -> Picture | None:
    """Curves where one model scored all captures, since scores of others share no scale."""
    captures = [capture.of_counted() for capture in family.captures]
    if len({tuple(c.thresholds.items()) for c in captures}) != 1:
        return None
    labels = np.concatenate([c.labels for c in captures])
    thresholds = captures[0].thresholds
    scores = {name: np.concatenate([c.scores[name] for c in captures]) for name in thresholds}
    drawn = detection_curves(labels, scores, thresholds)
    if drawn is None:
        return None
    return picture(
        drawn,
        f"Precision-recall and ROC curves of {', '.join(look(n).label for n in thresholds)}.",
        "All windows of the family together. A dot is a detector at its own threshold; the dotted "
        "line is chance. The left edge of the ROC stands for no false alarm at all.",
    )


def _timelines(
    captures: Sequence[CaptureScores], rows: Sequence[Mapping[str, Any]], limit: int
) -> list[Picture]:
    if any(FUSED not in capture.thresholds for capture in captures):
        return []
    shown = []
    for index in worst_first(rows, limit):
        capture = captures[index]
        caption = f"{capture.path} ({capture.vehicle}): {mistakes(capture)}"
        shown.append(picture(timeline(capture), f"Fused score over time. {caption}", caption))
    return shown


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
