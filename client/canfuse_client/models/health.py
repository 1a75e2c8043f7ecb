"""How the service is."""

from __future__ import annotations

from canfuse_client.models.base import Answer


class Check(Answer):
    """One part that the service needs."""

    ok: bool
    detail: str


class Readiness(Answer):
    """The service can do its work."""

    status: str
    checks: dict[str, Check]
