"""Figures as pictures inside the page itself."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

from matplotlib.figure import Figure


@dataclass(frozen=True)
class Picture:
    """A picture as the page shows it.

    Attributes:
        source: the picture itself, as a data URI.
        alt: what it shows, for who cannot see it.
        width: CSS pixels.
        height: CSS pixels.
        caption: what stands below it.
    """

    source: str
    alt: str
    width: int
    height: int
    caption: str


def picture(figure: Figure, alt: str, caption: str) -> Picture:
    """Draw a figure as a PNG."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", metadata={"Software": None})
    source = f"data:image/png;base64,{base64.b64encode(drawn.getvalue()).decode('ascii')}"
    width, height = figure.get_size_inches() * 96
    return Picture(source, alt, round(width), round(height), caption)
