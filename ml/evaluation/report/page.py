"""The page itself: a verdict, tables, pictures, and the figures as JSON beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from numpy.typing import NDArray

from ml.evaluation.captures import Family
from ml.evaluation.comparison import compare
from ml.evaluation.events import EVENT_GAP
from ml.evaluation.leakage import CaptureLeakage, Leakage
from ml.evaluation.report.pictures import Picture, picture
from ml.evaluation.report.policy import alpha_histogram, importance_bars, policy_heatmap
from ml.evaluation.report.sections import family_section, leads
from ml.evaluation.report.wording import at_most, rate, seconds
from ml.evaluation.style import look
from ml.evaluation.tables import MEASURES, number
from ml.evaluation.traffic_runs import RUN
from ml.evaluation.verdict import judge

Floats = NDArray[np.floating[Any]]

# Pictures of captures over time: a page that nobody scrolls to the end helps nobody.
TIMELINES = 16


@dataclass(frozen=True)
class EnrolledCar:
    """How a car was enrolled.

    Attributes:
        vehicle: its name.
        seconds: of benign traffic.
        ids: that its profile knows.
        captures: that the traffic came from.
        note: what was doubtful about it, or "".
    """

    vehicle: str
    seconds: float
    ids: int
    captures: Sequence[str]
    note: str = ""


def write_report(
    folder: Path,
    *,
    title: str,
    facts: Mapping[str, Any],
    families: Sequence[Family],
    policy: Floats | None = None,
    importance: Mapping[str, float] | None = None,
    importance_note: str = "",
    enrolled: Sequence[EnrolledCar] = (),
    leakage: Leakage | None = None,
) -> dict[str, Any]:
    """Write `index.html`, which needs no other file, and `comparison.json` into a folder.

    Args:
        folder: made if it is missing; files of the same names are replaced.
        title: heading of the page.
        facts: name → value, shown under the title (release, dataset, …).
        families: the scored captures by the question that they answer.
        policy: (n, n) alphas, `policy[anomaly bin, GAT bin]`.
        importance: how much each thing that the policy looks at moves the verdict.
        importance_note: how the importance was measured.
        enrolled: how the cars were enrolled.
        leakage: what the tested captures share with those that were learnt from.

    Returns:
        What comparison.json holds.
    """
    compared = [
        {"name": family.name, "question": family.question, **compare(family.captures)}
        for family in families
    ]
    verdict = judge(compared)
    told = {
        "title": title,
        "facts": {name: str(value) for name, value in facts.items()},
        "verdict": verdict.to_dict(),
        "families": compared,
        "importance": dict(importance or {}),
        "enrolled": [asdict(car) for car in enrolled],
        "leakage": asdict(leakage) if leakage else None,
    }
    each = max(TIMELINES // max(len(families), 1), 2)
    page = _template().render(
        **told,
        sections=[family_section(f, c, each) for f, c in zip(families, compared, strict=True)],
        leads=leads(compared),
        measures=list(MEASURES.values()),
        policy=_policy(policy),
        alphas=_alphas(families),
        bars=_bars(importance, importance_note),
        doubtful=_doubtful(leakage),
        gap=EVENT_GAP,
        run=RUN,
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.html").write_text(page, encoding="utf-8")
    (folder / "comparison.json").write_text(json.dumps(told, indent=1, allow_nan=False))
    return told


def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("ml.evaluation.report", package_path=""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=number, seconds=seconds, rate=rate, at_most=at_most)
    environment.globals["label"] = lambda name: look(name).label
    return environment.get_template("report.html")


def _policy(policy: Floats | None) -> Picture | None:
    if policy is None:
        return None
    return picture(
        policy_heatmap(policy),
        "Heat map of the policy: the alpha chosen for each pair of anomaly score and GAT "
        f"probability, from {policy.min():.2f} to {policy.max():.2f}, mean {policy.mean():.2f}.",
        "The weight alpha given to the GAT for each pair of expert scores; the VGAE gets the rest.",
    )


def _alphas(families: Sequence[Family]) -> Picture | None:
    """How often each alpha was chosen, of all captures that tell."""
    captures = [
        seen
        for family in families
        for capture in family.captures
        if (seen := capture.of_counted()).alpha is not None
    ]
    if not captures:
        return None
    alpha = np.concatenate([np.asarray(capture.alpha) for capture in captures])
    attack = np.concatenate([capture.labels for capture in captures]) > 0
    groups = {"benign windows": alpha[~attack], "attack windows": alpha[attack]}
    means = "; ".join(f"{name}: mean {v.mean():.2f}" for name, v in groups.items() if len(v))
    return picture(
        alpha_histogram(groups),
        f"Histogram of the alphas chosen. {means}.",
        "How often each alpha was chosen.",
    )


def _bars(importance: Mapping[str, float] | None, note: str) -> Picture | None:
    if not importance:
        return None
    told = "; ".join(f"{name} {value:.3g}" for name, value in importance.items())
    caption = f"What moves the policy. {note}".strip()
    return picture(importance_bars(importance), f"Bars of importance: {told}.", caption)


def _doubtful(leakage: Leakage | None) -> list[CaptureLeakage]:
    """Each capture once: as it was in the fold that shared most with it."""
    rows: dict[str, CaptureLeakage] = {}
    for row in leakage.captures if leakage else ():
        known = rows.get(row.path)
        if known is None or (row.overlap.share or 0) > (known.overlap.share or 0):
            rows[row.path] = row
    return list(rows.values())
