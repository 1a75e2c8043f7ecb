"""The names that requests may use: job kinds, presets, rewards."""

from __future__ import annotations

from fastapi import APIRouter

from app.auth import guard
from app.catalog.schemas import KindView
from ml.fusion.rewards import REWARDS
from ml.pipelines.registry import pipelines

router = APIRouter(tags=["catalog"])


@router.get("/kinds", summary="List job kinds", **guard("read"))
def list_kinds() -> list[KindView]:
    """The kinds of jobs; `/openapi.json` has the fields of each kind's configuration."""
    return [
        KindView(
            name=kind.name,
            summary=kind.summary,
            accelerated=kind.accelerated,
            submit=f"/jobs/{kind.name}",
        )
        for kind in pipelines().values()
    ]


@router.get("/rewards", summary="List rewards", **guard("read"))
def list_rewards() -> list[str]:
    """The names of the rewards that a fusion's policy can be trained with."""
    return sorted(REWARDS)
