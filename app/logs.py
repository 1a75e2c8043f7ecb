"""Which media types carry a log."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from app.bodies import is_json
from app.errors import UnsupportedMediaType

LOG_TYPES = {
    "application/octet-stream": "A log in any format that is read; the content tells which.",
    "application/vnd.apache.arrow.file": "Frames as an Arrow file.",
    "application/vnd.apache.parquet": "Frames as Parquet.",
    "text/csv": "can-train-and-test or HCRL CSV.",
    "text/plain": "A candump, HCRL or ASC log.",
}


def check_type(media: str, taken: Collection[str]) -> None:
    """Make sure that a body's type is one that is read here.

    Raises:
        UnsupportedMediaType: it is not; the problem lists those that are.
    """
    if media in taken or (is_json(media) and "application/json" in taken):
        return
    listing = ", ".join(sorted(taken))
    raise UnsupportedMediaType(
        f"The body's type is {media or 'missing'}.",
        f"Send one of these as Content-Type: {listing}.",
        supported=sorted(taken),
    )


def log_content() -> dict[str, Any]:
    """The log types as OpenAPI describes a body."""
    binary = {"type": "string", "format": "binary"}
    return {name: {"schema": {**binary, "description": text}} for name, text in LOG_TYPES.items()}
