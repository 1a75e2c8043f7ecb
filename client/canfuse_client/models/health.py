"""How the service is."""

from __future__ import annotations

from canfuse_client.models.base import Answer


class Check(Answer):
    """One part of the service; where `needed` is false, it is ready without it."""

    ok: bool
    detail: str
    needed: bool = True


class Readiness(Answer):
    """The service can do its work."""

    status: str
    checks: dict[str, Check]
