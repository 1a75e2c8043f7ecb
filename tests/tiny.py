"""A real release, trained in seconds on a little simulated traffic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ml.can.simulation import SimulationConfig, simulate_dataset
from ml.context import Context, Workspace
from ml.pipelines.registry import pipeline
from ml.releases import ReleaseStore

DATASET = "tiny"
SIMULATION = SimulationConfig(name=DATASET, seconds=6.0)
TRAINING: dict[str, Any] = {
    "dataset": DATASET,
    "experts": {"training": {"max_epochs": 3, "batch_size": 256}},
    "training": {"max_epochs": 5},
}


def simulate(root: Path) -> Path:
    """Write the tiny dataset into a data directory and return that directory."""
    simulate_dataset(SIMULATION, root)
    return root


def train(workspace: Workspace, workdir: Path, **overrides: Any) -> dict[str, Any]:
    """Run a fusion job on the tiny dataset and publish its release; returns the job's result."""
    kind = pipeline("fusion")
    events: list[dict[str, Any]] = []
    context = Context(workdir=workdir, workspace=workspace, emit=events.append)
    result = kind.run(kind.parse({**TRAINING, **overrides}), context)
    ReleaseStore(workspace.releases).publish(workdir / "release", result["alias"])
    return {**result, "events": events}
