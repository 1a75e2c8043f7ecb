"""Shows why windows were flagged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.cli.terminal import show, table


def show_explanations(explanations: Sequence[Mapping[str, Any]] | None) -> None:
    """Print the explanations of the strongest flagged windows, if any were asked for."""
    if not explanations:
        return
    made = table("Window", "Score", "Kind", title="Why")
    for told in explanations:
        made.add_row(str(told["window"]), f"{told['fused_score']:.4f}", str(told.get("kind", "")))
    show(made)
