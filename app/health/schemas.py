"""How the service is, over HTTP."""

from __future__ import annotations

from pydantic import BaseModel, Field


class Alive(BaseModel):
    """The process answers."""

    status: str = "alive"


class Check(BaseModel):
    """One part that the service needs."""

    ok: bool
    detail: str


class Readiness(BaseModel):
    """Whether the service can do its work."""

    status: str = Field(examples=["ready"])
    checks: dict[str, Check]
