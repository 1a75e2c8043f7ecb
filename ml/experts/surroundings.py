"""Single nodes with their neighbours, each as a small graph of its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ml.can.graphs import WindowGraphs

Ints = NDArray[np.int64]


def around(graphs: WindowGraphs, nodes: Ints) -> WindowGraphs:
    """One graph a node: itself first, then what each step from or to it leads to.

    One layer of attention tells the node here just what it tells it in its window. A neighbour
    comes once for every step; a graph is an attack where its own node is.

    Args:
        graphs: windows.
        nodes: (n,) the nodes.
    """
    centre, step, other, leaves = _steps(graphs, nodes)
    degree = np.bincount(centre, minlength=len(nodes))
    node_ptr = np.concatenate([[0], np.cumsum(degree + 1)])
    edge_ptr = np.concatenate([[0], np.cumsum(degree)])
    # Places of the neighbours among all nodes of the new graphs; the others are the centres'.
    place = np.arange(len(step)) + centre + 1
    own = node_ptr[:-1][centre]
    away = np.where(graphs.edge_index[0, step] == graphs.edge_index[1, step], own, place)
    taken = np.empty(node_ptr[-1], np.int64)
    taken[node_ptr[:-1]], taken[place] = nodes, other
    window = np.searchsorted(graphs.node_ptr, nodes, "right") - 1
    attacks = graphs.attack_count
    return WindowGraphs(
        arbitration=graphs.arbitration[taken],
        node=graphs.node[taken],
        frame_count=graphs.frame_count[taken],
        attack_count=None if attacks is None else attacks[taken],
        node_ptr=node_ptr,
        edge_index=np.stack([np.where(leaves, own, away), np.where(leaves, away, own)]),
        edge=graphs.edge[step],
        edge_ptr=edge_ptr,
        window=graphs.window[window],
        start=graphs.start[window],
        end=graphs.end[window],
        label=None if attacks is None else (attacks[nodes] > 0).astype(np.uint8),
    )


def _steps(graphs: WindowGraphs, nodes: Ints) -> tuple[Ints, Ints, Ints, NDArray[np.bool_]]:
    """Every step from or to the nodes: whose it is, which, what is at its other end, its way.

    Ordered by whose it is; a step from a node to itself comes once.
    """
    parts = []
    for end in (0, 1):
        order = np.argsort(graphs.edge_index[end], kind="stable")
        ptr = np.searchsorted(graphs.edge_index[end][order], np.arange(len(graphs.node) + 1))
        count = np.diff(ptr)[nodes]
        centre = np.repeat(np.arange(len(nodes)), count)
        begin = np.concatenate([[0], np.cumsum(count)])[:-1]
        step = order[np.arange(len(centre)) + (ptr[nodes] - begin)[centre]]
        other = graphs.edge_index[1 - end, step]
        kept = (end == 0) | (other != nodes[centre])
        parts.append((centre[kept], step[kept], other[kept], np.full(kept.sum(), end == 0)))
    centre, step, other, leaves = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.argsort(centre, kind="stable")
    return centre[order], step[order], other[order], leaves[order]
