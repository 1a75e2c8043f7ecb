"""Shows why windows were flagged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.cli.terminal import note, show, table
from app.scoring.schemas import Explanation

# What the experts' scores are called among the inputs of the fusion.
_SCORES = {"vgae": "anomaly_score", "gat": "gat_prob"}
TOLD = 2


def show_explanations(explanations: Sequence[Explanation] | None, first: float) -> None:
    """Print the explanations of the strongest flagged windows, if any were asked for.

    Args:
        explanations: in time order.
        first: seconds of the traffic's beginning.
    """
    if not explanations:
        return
    columns = ("Window", "At (s)", "Score", "Likely kind", "Moved by", "Id", "Its oddities")
    made = table(*columns, title="Why")
    for told in explanations:
        expert = max(told.experts, key=lambda name: told.inputs.get(_SCORES[name], 0))
        evidence = told.experts[expert]
        worst = evidence.ids[0]
        made.add_row(
            str(told.window),
            f"{told.window_start - first:.2f}",
            f"{told.fused_score:.4f}",
            told.attack_kind or "",
            _largest(told.inputs),
            f"{worst.id} ({worst.score:.2f} by {expert})",
            _largest(evidence.families),
        )
    show("")
    show(made)
    note("Each figure is what that input or family of features added, an exact Shapley value.")


def _largest(parts: Mapping[str, float]) -> str:
    """The parts that added most, as in `values +2.99, record +1.99`."""
    ordered = sorted(parts.items(), key=lambda part: part[1], reverse=True)[:TOLD]
    return ", ".join(f"{name} {value:+.2f}" for name, value in ordered if value >= 0.005)
