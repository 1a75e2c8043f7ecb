"""Names over HTTP."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class KindView(BaseModel):
    """A kind of job."""

    name: str
    summary: str
    accelerated: bool = Field(description="Whether a GPU helps.")
    presets: list[str]
    submit: str = Field(description="Where to POST its configuration.")


class PresetView(BaseModel):
    """A named configuration."""

    model_config = ConfigDict(from_attributes=True)

    name: str = Field(examples=["fusion_hcrl_sa"])
    kind: str
    summary: str


class PresetCard(PresetView):
    """A named configuration with its values."""

    config: dict[str, Any]
