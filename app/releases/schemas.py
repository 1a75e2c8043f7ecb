"""Releases over HTTP."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, Field

from ml.errors import InvalidInput
from ml.fusion.policy import TABLE, read_table
from ml.releases import Manifest
from ml.releases.manifest import corrupt


class ReleaseLinks(BaseModel):
    """Where more about the release is."""

    self: str
    report: str | None = Field(description="The report page, where the training left one.")


class ReleaseSummary(BaseModel):
    """A release in a list."""

    version: str = Field(description="Digest of its content.")
    name: str
    kind: Literal["fusion", "experts"] = Field(description="`fusion` can score.")
    created_at: datetime
    dataset: dict[str, Any]
    threshold: float | None
    aliases: list[str] = Field(description="The aliases that point at it.")
    links: ReleaseLinks

    @classmethod
    def of(cls, manifest: Manifest, aliases: dict[str, str], report: Path | None) -> Self:
        """Tell about a release."""
        here = f"/releases/{manifest.version}"
        return cls(
            **{
                name: getattr(manifest, name)
                for name in cls.model_fields
                if hasattr(manifest, name)
            },
            aliases=[name for name, version in aliases.items() if version == manifest.version],
            links=ReleaseLinks(self=here, report=f"{here}/report/" if report else None),
        )


class PolicyMap(BaseModel):
    """Which weight the policy gives to which scores."""

    alpha: list[list[float]] = Field(
        description="alpha[i][j]: anomaly score in bin i, GAT probability in bin j."
    )

    @classmethod
    def read(cls, bundle: Path) -> PolicyMap | None:
        """The heat map of a bundle, if it has one.

        Raises:
            ReleaseCorrupt: the file is something else.
        """
        file = bundle / TABLE
        try:
            return cls(alpha=read_table(file).tolist()) if file.is_file() else None
        except InvalidInput as error:
            raise corrupt(bundle.name, error.detail) from error


class ReleaseCard(ReleaseSummary):
    """Everything about a release."""

    schema_version: int
    config: dict[str, Any] = Field(description="The configuration of the job that made it.")
    window: dict[str, int]
    metrics: dict[str, Any]
    files: dict[str, dict[str, Any]] = Field(description="SHA-256 and size of each file.")
    parents: list[str]
    libraries: dict[str, str]
    policy: PolicyMap | None = None


class Aliases(BaseModel):
    """The aliases, and which release answers where a request names none."""

    aliases: dict[str, str] = Field(examples=[{"production": "9f86d081884c7d65"}])
    in_use: str | None = Field(description="Version of the release that is loaded for scoring.")
    refused: str | None = Field(description="Why the one that the alias points at is not in use.")


class AliasTarget(BaseModel):
    """What an alias shall point at."""

    release: str = Field(
        min_length=1, max_length=64, description="A version, its beginning, or an alias."
    )
