"""Releases and aliases: what there is, and which one serves."""

from __future__ import annotations

from canfuse_client.connection import Order, path_of
from canfuse_client.models.health import Readiness
from canfuse_client.models.releases import Aliases, Release, ReleaseSummary
from canfuse_client.operations.base import Base


class ReleaseOperations(Base):
    """What serves."""

    async def releases(self) -> list[ReleaseSummary]:
        """Every release, the newest first."""
        return await self._connection.call(Order("GET", "/releases"), list[ReleaseSummary])

    async def release(self, version: str) -> Release:
        """All about a release, named by version, beginning of a version, or alias."""
        return await self._connection.call(Order("GET", path_of("releases", version)), Release)

    async def aliases(self) -> Aliases:
        """Which release each alias points at, and which one is loaded for scoring."""
        return await self._connection.call(Order("GET", "/aliases"), Aliases)

    async def point(self, alias: str, release: str) -> Aliases:
        """Point an alias at a release, to roll it out or to roll back."""
        order = Order("PUT", path_of("aliases", alias), body={"release": release})
        return await self._connection.call(order, Aliases)

    async def ready(self) -> Readiness:
        """Make sure that the service can do its work just now.

        Raises:
            Problem: it cannot; `extra["checks"]` tell which part is missing.
        """
        return await self._connection.call(Order("GET", "/readyz", repeatable=False), Readiness)
