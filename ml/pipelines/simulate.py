"""The `simulate` kind: write a dataset of simulated traffic into the first data directory."""

from __future__ import annotations

from typing import Any

from ml.can.datasets import find_dataset
from ml.can.simulation import SimulationConfig, simulate_dataset
from ml.context import Context, Workspace
from ml.errors import Unavailable
from ml.pipelines.registry import Pipeline


def check(config: SimulationConfig, workspace: Workspace, trusted: bool) -> None:
    """Refuse where there is no data directory."""
    del config, trusted
    if not workspace.data_dirs:
        raise Unavailable("There is no data directory.", "Set CANFUSE_DATA_DIRS.")


def run(config: SimulationConfig, context: Context) -> dict[str, Any]:
    """Simulate and write every capture."""
    check(config, context.workspace, context.trusted)
    root = context.workspace.data_dirs[0]
    simulate_dataset(config, root, lambda done, name: context.progress("simulate", done, name))
    dataset = find_dataset(config.name, (root,))
    return {
        "dataset": config.name,
        "captures": [c.name for c in dataset.captures],
        "digest": dataset.digest,
    }


KIND = Pipeline("simulate", SimulationConfig, run, "Simulate a dataset.", check, accelerated=False)
