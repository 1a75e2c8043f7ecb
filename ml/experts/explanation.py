"""Which ids, and which sides of their behaviour, moved an expert's score of a window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from ml.can.features import FAMILIES, NODE_FEATURES
from ml.can.graphs import WindowGraphs
from ml.experts.batch import GraphBatch
from ml.experts.expert import Expert
from ml.shapley import coalitions, shapley_values

Floats = NDArray[np.float32]
# Windows with an altered node that go through an expert at once.
AT_ONCE = 128
# Nodes that "as usual" is learnt from.
MOST_NODES = 200_000


@dataclass(frozen=True)
class ExpertExplanation:
    """Why an expert scored a window as it did.

    Attributes:
        arbitration: (K,) uint32, the window's most suspicious ids, the worst first.
        score: (K,) raw node scores; the first is the window's raw score.
        families: names of the families of node features, see `ml.can.features.FAMILIES`.
        contribution: what each family added to the score of the worst id, on the raw scale; they
            sum to `score[0] − usual`.
        usual: the raw score of that id, had it behaved as usual.
    """

    arbitration: NDArray[np.uint32]
    score: Floats
    families: tuple[str, ...]
    contribution: NDArray[np.float64]
    usual: float


def usual_node(graphs: Sequence[WindowGraphs]) -> Floats:
    """The median of each node feature over benign nodes, (F,): how an id behaves as a rule.

    Args:
        graphs: of traffic to train on; where there are labels, nodes with attack frames are left
            out.
    """
    step = max(sum(len(g.node) for g in graphs) // MOST_NODES, 1)
    parts = [
        (g.node if g.attack_count is None else g.node[g.attack_count == 0])[::step] for g in graphs
    ]
    median: Floats = np.median(np.concatenate(parts), axis=0).astype(np.float32)
    return median


def explain_window(
    experts: Mapping[str, Expert], graphs: WindowGraphs, window: int, usual: Floats, *, top: int = 3
) -> dict[str, ExpertExplanation]:
    """Ask each expert which ids alarmed it, and what about the worst of them.

    The second answer is exact: Shapley values over the families of node features, by scoring the
    window with every selection of the worst id's families set to "as usual" (interventional, the
    rest of the window as it is).

    Args:
        experts: by name.
        graphs: window graphs.
        window: which of them.
        usual: (F,) what "as usual" means, see `usual_node`.
        top: how many ids to name.
    """
    one = GraphBatch.of(graphs.take(np.array([window])))
    ids = graphs.arbitration[graphs.node_ptr[window] : graphs.node_ptr[window + 1]]
    return {name: _explain(expert, one, ids, usual, top) for name, expert in experts.items()}


@torch.inference_mode()
def _explain(
    expert: Expert, one: GraphBatch, ids: NDArray[np.uint32], usual: Floats, top: int
) -> ExpertExplanation:
    expert.eval()
    score = expert.node_score(one.to(expert.device)).cpu().numpy()
    order = np.argsort(-score, kind="stable")[:top]
    worst = int(order[0])
    worth = _worth(expert, one, worst, usual)
    return ExpertExplanation(
        arbitration=ids[order],
        score=score[order],
        families=tuple(FAMILIES),
        contribution=shapley_values(worth, len(FAMILIES)),
        usual=float(worth[0]),
    )


def _worth(expert: Expert, one: GraphBatch, node: int, usual: Floats) -> NDArray[np.float64]:
    """(2^families,) raw score of a node where the families outside each coalition are usual."""
    kept = torch.from_numpy(coalitions(len(FAMILIES)) @ _members() > 0)
    altered = torch.where(kept, one.node[node], torch.from_numpy(usual))
    scores: list[torch.Tensor] = []
    for rows in torch.split(altered, AT_ONCE):
        copies = one.take(torch.zeros(len(rows), dtype=torch.int64))
        place = copies.node_ptr[:-1] + node
        nodes = copies.node.clone()
        nodes[place] = rows
        batch = replace(copies, node=nodes).to(expert.device)
        scores.append(expert.node_score(batch)[place.to(expert.device)].cpu())
    worth: NDArray[np.float64] = torch.cat(scores).double().numpy()
    return worth


def _members() -> NDArray[np.int64]:
    """(families, F) 1 where a node feature belongs to a family."""
    rows = [[name in names for name in NODE_FEATURES] for names in FAMILIES.values()]
    return np.array(rows, np.int64)
