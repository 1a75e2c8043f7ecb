"""`canfuse protocol`: trains and measures once for each car or kind of attack left out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.cli.overrides import parse_overrides
from app.cli.places import load_settings
from app.cli.terminal import note, say, show, table, write
from app.cli.work.local import new_workdir, run_here
from app.cli.work.training import earlier_run, merged
from ml.evaluation.style import look
from ml.evaluation.tables import number
from ml.pipelines.presets import resolve

KIND = "protocol"
_SHOWN = {"f1": "Macro F1", "mcc": "Macro MCC", "fpr": "Macro FPR"}


def measure(
    asked: Mapping[str, Any],
    overrides: Sequence[str],
    resume: str | None,
    home: Path | None,
    data_dirs: Sequence[Path] | None,
    *,
    as_json: bool,
    output: Path | None,
) -> None:
    """Run the protocol and show each family's macro averages."""
    workspace = load_settings(home, data_dirs).workspace
    workdir = earlier_run(resume, KIND, workspace) if resume else new_workdir(workspace, KIND)
    if resume:
        note(f"Resuming {workdir}.")
    config = resolve(KIND, None, merged(asked, parse_overrides(overrides)))
    comparison = run_here(KIND, config, workspace, workdir)["comparison"]
    if as_json or output:
        write(json.dumps(comparison, indent=1, allow_nan=False) + "\n", output)
    if not as_json:
        say(comparison["verdict"]["sentence"])
        for doubt in comparison["verdict"]["doubts"]:
            say(f"- {doubt}")
        say("")
        for family in comparison["families"]:
            _show(family)
        say(f"Report     {workdir / 'artifacts' / 'report' / 'index.html'}")


def _show(family: Mapping[str, Any]) -> None:
    made = table("Detector", *_SHOWN.values(), title=family["name"], numbers=len(_SHOWN))
    for detector, measures in family["macro"].items():
        cells = (number((measures.get(m) or {}).get("mean")) for m in _SHOWN)
        made.add_row(look(detector).label, *cells)
    show(made)
    show("")
