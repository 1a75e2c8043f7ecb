"""What all answers have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """An answer; what a newer service tells beyond the fields below is kept, too."""

    model_config = ConfigDict(extra="allow", frozen=True)
