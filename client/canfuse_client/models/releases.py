"""Releases and aliases."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from canfuse_client.models.base import Answer


class ReleaseSummary(Answer):
    """A release in a list.

    Attributes:
        version: digest of its content.
        kind: `fusion` can score, `experts` cannot.
        aliases: those that point at it.
        links: where more about it is.
    """

    version: str
    name: str
    kind: str
    created_at: datetime
    dataset: dict[str, Any]
    threshold: float | None
    aliases: list[str]
    links: dict[str, str | None]


class PolicyMap(Answer):
    """Weights: `alpha[i][j]` for an anomaly score in bin i and a GAT probability in bin j."""

    alpha: list[list[float]]


class Release(ReleaseSummary):
    """Everything about a release.

    Attributes:
        config: the configuration of the job that made it.
        files: SHA-256 and size of each file.
        policy: which weight the policy gives to which scores.
    """

    schema_version: int
    config: dict[str, Any]
    window: dict[str, int]
    metrics: dict[str, Any]
    files: dict[str, dict[str, Any]]
    parents: list[str]
    libraries: dict[str, str]
    policy: PolicyMap | None = None


class Aliases(Answer):
    """Which release each alias points at.

    Attributes:
        in_use: version of the release that is loaded for scoring.
        refused: why the one that the alias points at is not in use.
    """

    aliases: dict[str, str]
    in_use: str | None
    refused: str | None
