"""How the service is, over HTTP."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class Alive(BaseModel):
    """The process answers."""

    status: str = "alive"


class Check(BaseModel):
    """One part that the service needs."""

    ok: bool
    needed: bool = Field(default=True, description="Whether the service is not ready without it.")
    detail: str


class Readiness(BaseModel):
    """Whether the service can do its work."""

    status: Literal["ready", "degraded"] = Field(
        description="`degraded` where something is not in order that the service can do without."
    )
    checks: dict[str, Check]
