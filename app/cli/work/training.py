"""`canfuse train`: runs a training here and publishes what it makes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.cli.overrides import parse_overrides, put
from app.cli.places import load_settings
from app.cli.terminal import note, say
from app.cli.work.comparison import show_comparison
from app.cli.work.local import CONFIG, new_workdir, run_here
from ml.context import Workspace
from ml.errors import Cancelled, InvalidInput, NotFound
from ml.pipelines.presets import resolve
from ml.releases import ReleaseStore

# What the short options are called in the configuration of each kind.
_KEYS = {
    "fusion": {
        "epochs": "training.max_epochs",
        "batch_size": "agent.fusion_batch_size",
        "lr": "agent.fusion_lr",
        "experts": "experts.release",
    },
    "experts": {
        "epochs": "experts.training.max_epochs",
        "batch_size": "experts.training.batch_size",
        "lr": "experts.training.learning_rate",
        "experts": "experts.release",
    },
}
_QUICK = {
    "fusion": {"experts.training.max_epochs": 2, "training.max_epochs": 5},
    "experts": {"experts.training.max_epochs": 2},
}


@dataclass(frozen=True)
class Order:
    """A training as it was asked for.

    Attributes:
        options: the short options that were given.
        overrides: `key=value` words.
        resume: folder of the run to go on with, or "last".
    """

    kind: str
    preset: str | None = None
    dataset: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    overrides: Sequence[str] = ()
    resume: str | None = None
    quick: bool = False

    def settings(self) -> dict[str, Any]:
        """Everything that was given, as nested settings; what is more precise wins."""
        keys = _KEYS[self.kind]
        nested: dict[str, Any] = {}
        for key, value in (_QUICK[self.kind] if self.quick else {}).items():
            put(nested, key, value)
        for name, value in {"dataset": self.dataset, **self.options}.items():
            if value is not None:
                put(nested, keys.get(name, name), value)
        return merged(nested, parse_overrides(self.overrides))


def train(order: Order, home: Path | None, data_dirs: Sequence[Path] | None) -> None:
    """Train, publish the release, and say how good it is and where it lies."""
    workspace = load_settings(home, data_dirs).workspace
    given = order.settings()
    if order.resume is None:
        workdir = new_workdir(workspace, order.kind)
    else:
        workdir = earlier_run(order.resume, order.kind, workspace)
        given = merged(_earlier_config(workdir), given)
        note(f"Resuming {workdir}.")
    if order.preset is None and "dataset" not in given:
        raise InvalidInput(
            "No dataset is named.",
            "Give --dataset NAME or --preset NAME; `canfuse presets` lists them.",
        )
    config = resolve(order.kind, order.preset, given)
    try:
        result = run_here(order.kind, config, workspace, workdir)
    except Cancelled as error:
        again = f"Go on with `canfuse train {order.kind} --resume {workdir.name}`."
        raise Cancelled("The training was cancelled.", again) from error
    store = ReleaseStore(workspace.releases)
    version = store.publish(workdir / "release", result.get("alias"))
    _tell(result, version, store, workdir)


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings with others on top."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        result[key] = merged(below, value) if both else value  # type: ignore[arg-type]  # both are mappings here
    return result


def _tell(result: Mapping[str, Any], version: str, store: ReleaseStore, workdir: Path) -> None:
    if comparison := result.get("comparison"):
        show_comparison(comparison)
    alias = f" (alias {result['alias']})" if result.get("alias") else ""
    say(f"Release    {version}{alias}")
    say(f"           {store.path(version)}")
    if page := store.report(version):
        say(f"Report     {page}")
    say(f"Artifacts  {workdir / 'artifacts'}")


def earlier_run(reference: str, kind: str, workspace: Workspace) -> Path:
    """Folder of a run to go on with, see `Order.resume`."""
    if reference != "last":
        named = Path(reference)
        # A checkpoint means the run that it belongs to.
        candidates = named.parents if named.is_file() else (named, workspace.jobs / reference)
        found = next((folder for folder in candidates if (folder / CONFIG).is_file()), None)
        if found is None:
            raise NotFound(
                f"{reference} is not the folder of a run.",
                f"Name a folder in {workspace.jobs}, or 'last'.",
            )
        return found.resolve()
    runs = sorted(workspace.jobs.glob(f"{kind}-*/{CONFIG}"))
    if not runs:
        raise NotFound(
            f"There is no earlier {kind} run in {workspace.jobs}.", "Start one without --resume."
        )
    return runs[-1].parent


def _earlier_config(workdir: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads((workdir / CONFIG).read_text())
    except ValueError as error:
        raise InvalidInput(f"{workdir / CONFIG} is damaged.", "Start a new run.") from error
    return config
