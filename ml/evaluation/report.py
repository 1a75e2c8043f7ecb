"""The page that a fusion is judged by: a verdict, tables, pictures, and the figures as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ml.evaluation.comparison import CaptureScores, by_split, pool
from ml.evaluation.curves import detection_curves
from ml.evaluation.metrics import confusion
from ml.evaluation.plots import alpha_histogram, policy_heatmap
from ml.evaluation.style import look, split_title
from ml.evaluation.tables import MEASURES, capture_cells, overview, split_tables
from ml.evaluation.timelines import timeline, worst_first
from ml.evaluation.verdict import FUSED, judge, scored_splits

Floats = NDArray[np.floating[Any]]
TIMELINES = 20


def write_report(
    folder: Path,
    *,
    title: str,
    comparison: Mapping[str, Any],
    captures: Sequence[CaptureScores],
    thresholds: Mapping[str, float],
    policy: Floats,
    alphas: Floats | Mapping[str, Floats],
    facts: Mapping[str, Any],
) -> Path:
    """Write `index.html`, its pictures and `comparison.json` into a folder.

    Args:
        folder: made if it is missing; files of the same names are replaced.
        title: heading of the page.
        comparison: what `compare` gave for these captures and thresholds.
        captures: the scored captures, in the order of the comparison; `fused` among the scores.
        thresholds: per detector.
        policy: (n, n) alphas, `policy[anomaly bin, GAT bin]`.
        alphas: chosen alpha per window, (all windows,) in the order of the captures, or one array
            per group by name.
        facts: name → value, shown under the title (release, dataset, …).

    Returns:
        Path of the page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "comparison.json").write_text(json.dumps(comparison, indent=1, allow_nan=False))
    page = _template().render(
        title=title,
        facts=facts,
        verdict=judge(comparison, captures, thresholds),
        splits={name: split_title(name) for name in scored_splits(comparison)},
        overview=overview(comparison, captures, thresholds, scored_splits(comparison)),
        measures=list(MEASURES.values()),
        tables=split_tables(comparison, captures, thresholds),
        curves=_curves(folder, captures, thresholds),
        policy=_policy(folder, policy),
        alphas=_alphas(folder, _grouped(alphas, captures)),
        timelines=_timelines(folder, comparison["captures"], captures, thresholds[FUSED]),
        detectors=[look(name).label for name in thresholds],
        thresholds={look(name).label: value for name, value in thresholds.items()},
        captures=comparison["captures"],
        capture_cells=capture_cells,
        split_title=split_title,
    )
    index = folder / "index.html"
    index.write_text(page, encoding="utf-8")
    return index


def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("ml.evaluation", package_path=""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html")


def _picture(folder: Path, name: str, figure: Figure, alt: str) -> dict[str, Any]:
    figure.savefig(folder / name, format="png")
    width, height = figure.get_size_inches() * 96
    return {"file": name, "alt": alt, "width": round(width), "height": round(height)}


def _policy(folder: Path, policy: Floats) -> dict[str, Any]:
    alt = (
        "Heat map of the policy: the alpha chosen for each pair of anomaly score and GAT "
        f"probability, from {policy.min():.2f} to {policy.max():.2f}, mean {policy.mean():.2f}."
    )
    return _picture(folder, "policy.png", policy_heatmap(policy), alt)


def _alphas(folder: Path, groups: Mapping[str, Floats]) -> dict[str, Any]:
    means = "; ".join(f"{name}: mean {v.mean():.2f}" for name, v in groups.items() if len(v))
    alt = f"Histogram of the alphas chosen. {means}."
    return _picture(folder, "alphas.png", alpha_histogram(groups), alt)


def _grouped(
    alphas: Floats | Mapping[str, Floats], captures: Sequence[CaptureScores]
) -> Mapping[str, Floats]:
    if isinstance(alphas, Mapping):
        return alphas
    if len(alphas) != sum(len(c.labels) for c in captures):
        return {"all windows": alphas}
    attack = np.concatenate([np.zeros(0), *(c.labels for c in captures)]) > 0
    return {"benign windows": alphas[~attack], "attack windows": alphas[attack]}


def _curves(
    folder: Path, captures: Sequence[CaptureScores], thresholds: Mapping[str, float]
) -> dict[str, dict[str, Any]]:
    pictures = {}
    for number, (split, members) in enumerate(by_split(captures).items(), start=1):
        labels = np.concatenate([c.labels for c in members])
        scores = {name: pool(members, name)[1] for name in thresholds}
        if figure := detection_curves(labels, scores, thresholds):
            alt = (
                f"Precision-recall and ROC curves of {', '.join(look(n).label for n in thresholds)}"
                f" on {split_title(split)}; the table above has their areas."
            )
            pictures[split] = _picture(folder, f"curves-{number:02}.png", figure, alt)
    return pictures


def _timelines(
    folder: Path,
    rows: Sequence[Mapping[str, Any]],
    captures: Sequence[CaptureScores],
    threshold: float,
) -> list[dict[str, Any]]:
    shown = []
    for number, index in enumerate(worst_first(rows, FUSED, TIMELINES), start=1):
        capture = captures[index]
        caption = f"{capture.path}: {_mistakes(capture, threshold)}"
        figure = timeline(capture, FUSED, threshold)
        alt = f"Fused score over time. {caption}"
        picture = _picture(folder, f"timeline-{number:02}.png", figure, alt)
        shown.append({**picture, "caption": caption})
    return shown


def _mistakes(capture: CaptureScores, threshold: float) -> str:
    _, alarms, missed, _ = confusion(capture.labels, capture.scores[FUSED], threshold)
    attacks, windows = np.count_nonzero(capture.labels), len(capture.labels)
    return (
        f"{attacks:,} of {windows:,} windows with an attack, {missed:,} of them missed, "
        f"{alarms:,} false alarm{'' if alarms == 1 else 's'}."
    )
