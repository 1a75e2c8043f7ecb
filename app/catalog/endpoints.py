"""The names that requests may use: job kinds, presets, rewards."""

from __future__ import annotations

from fastapi import APIRouter

from app.auth import guard
from app.catalog.schemas import KindView, PresetCard, PresetView
from app.jobs.submission import as_json
from ml.errors import NotFound
from ml.fusion.rewards import REWARDS
from ml.pipelines.presets import presets, resolve
from ml.pipelines.registry import pipeline, pipelines

router = APIRouter(tags=["catalog"])


@router.get("/kinds", summary="List job kinds", **guard("read"))
def list_kinds() -> list[KindView]:
    """The kinds of jobs; `/openapi.json` has the fields of each kind's configuration."""
    return [
        KindView(
            name=kind.name,
            summary=kind.summary,
            accelerated=kind.accelerated,
            presets=[preset.name for preset in presets().values() if preset.kind == kind.name],
            submit=f"/jobs/{kind.name}",
        )
        for kind in pipelines().values()
    ]


@router.get("/presets", summary="List presets", **guard("read"))
def list_presets() -> list[PresetView]:
    """Named configurations: submit one as `{"preset": name}`, with fields beside it to differ."""
    return [PresetView.model_validate(preset) for preset in presets().values()]


@router.get("/presets/{name}", summary="Show a preset", **guard("read", 404))
def show_preset(name: str) -> PresetCard:
    """The preset's whole configuration."""
    if (preset := presets().get(name)) is None:
        raise NotFound(f"There is no preset '{name}'.", f"Choose one of: {', '.join(presets())}.")
    config = as_json(pipeline(preset.kind), resolve(preset.kind, name, {}))
    return PresetCard(**vars(preset), config=config)


@router.get("/rewards", summary="List rewards", **guard("read"))
def list_rewards() -> list[str]:
    """The names of the rewards that a fusion's policy can be trained with."""
    return sorted(REWARDS)
