"""Names over HTTP."""

from __future__ import annotations

from pydantic import BaseModel, Field


class KindView(BaseModel):
    """A kind of job."""

    name: str
    summary: str
    accelerated: bool = Field(description="Whether a GPU helps.")
    submit: str = Field(description="Where to POST its configuration.")
