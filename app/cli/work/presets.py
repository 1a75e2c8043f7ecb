"""`canfuse presets` and `canfuse rewards`."""

from __future__ import annotations

import json

from pydantic import TypeAdapter

from app.cli.terminal import note, show, table, write
from ml.errors import NotFound
from ml.fusion.rewards import REWARDS
from ml.pipelines.presets import presets, resolve
from ml.pipelines.registry import pipeline


def list_presets(kind: str | None = None) -> None:
    """List the presets, of one job kind or all."""
    made = table("Preset", "Kind", "What it is")
    for preset in presets().values():
        if kind in (None, preset.kind):
            made.add_row(preset.name, preset.kind, preset.summary)
    show(made)
    note("`canfuse presets NAME` prints a preset's whole configuration.")


def show_preset(name: str) -> None:
    """Print a preset's whole configuration as JSON."""
    if (preset := presets().get(name)) is None:
        raise NotFound(f"There is no preset '{name}'.", "`canfuse presets` lists those there are.")
    config = TypeAdapter(pipeline(preset.kind).config).dump_python(
        resolve(preset.kind, name, {}), mode="json"
    )
    write(json.dumps(config, indent=1) + "\n")


def list_rewards() -> None:
    """List the rewards that a fusion can be trained for."""
    for name in sorted(REWARDS):
        write(f"{name}\n")
    note("Or one of your own by import path: agent.reward=package.module:function.")
