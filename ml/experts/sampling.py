"""Which nodes experts are trained on, with their neighbours, and how much each of them counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ml.can.graphs import WindowGraphs
from ml.can.loading import LabelledCapture
from ml.can.splits import Holdout
from ml.errors import InvalidInput
from ml.experts.batch import GraphBatch
from ml.experts.channels import EVIDENCE, places, squash, usual
from ml.experts.surroundings import around

# Benign nodes count this much against attack nodes. A node is benign far more often than that, but
# a window has dozens of them.
BENIGN_SHARE = 5 / 6
# Of the nodes of a capture, at most: attacks, benign ones with much evidence, other benign ones.
SHARES = (0.35, 0.5, 0.15)
ODDEST = 0.1

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Sample:
    """Nodes of one capture under one enrolment.

    Attributes:
        capture: which capture.
        vehicle: its car.
        graphs: the windows that they are in.
        node: (n,) the nodes.
        weight: (n,) how many nodes each one stands for.
    """

    capture: int
    vehicle: str
    graphs: WindowGraphs
    node: Ints
    weight: Floats


def training_graphs(
    captures: Sequence[LabelledCapture], held: Holdout, most: int
) -> tuple[GraphBatch, GraphBatch]:
    """Nodes to train on and nodes to stop early by, under every enrolment of their cars.

    Each one comes as a small graph of its own: the node, which alone counts, and those that precede
    or follow it. Attacks are rare nodes among many: whole windows would be mostly alike.

    Cars count alike in benign traffic and captures alike in attacks, however long they are. Benign
    nodes of attack windows are left out: what an attack does to other ids is no one's fault.

    Args:
        captures: with views; windows that share traffic with an enrolment are left out.
        held: which of all captures' windows are for validation.
        most: nodes a capture and enrolment.

    Raises:
        InvalidInput: enrolments took all traffic to train on, or all to validate on.
    """
    begins = np.cumsum([0, *(len(c.graphs) for c in captures)])
    parts = []
    for windows, share in ((held.train, 1.0), (held.validation, 0.25)):
        chosen = np.zeros(begins[-1], bool)
        chosen[windows] = True
        allowed = [
            chosen[a:b] & ~c.enrolled
            for c, a, b in zip(captures, begins[:-1], begins[1:], strict=True)
        ]
        parts.append(_batch(list(_samples(captures, allowed, most * share))))
    return parts[0], parts[1]


def _samples(
    captures: Sequence[LabelledCapture], allowed: Sequence[NDArray[np.bool_]], most: float
) -> Iterator[_Sample]:
    for n, (capture, own) in enumerate(zip(captures, allowed, strict=True)):
        views = [(own, capture.graphs)]
        views += [(own[v.windows], v.graphs) for v in capture.views]
        for windows, graphs in views:
            node, weight = _choose(graphs, windows, most)
            if len(node):
                yield _Sample(n, capture.capture.vehicle, graphs, node, weight)


def _choose(graphs: WindowGraphs, windows: NDArray[np.bool_], most: float) -> tuple[Ints, Floats]:
    """Nodes of the windows given, evenly spaced in time, and how many each one stands for.

    Most of the benign ones are from the oddest tenth: there the border to attacks runs.
    """
    size = np.diff(graphs.node_ptr)
    attack = _attack_count(graphs) > 0
    benign = ~attack & np.repeat(windows & (_label(graphs) == 0), size)
    attack &= np.repeat(windows, size)
    oddness = _oddness(graphs)
    odd = oddness > (np.quantile(oddness[benign], 1 - ODDEST) if benign.any() else 0)
    groups = [np.flatnonzero(g) for g in (attack, benign & odd, benign & ~odd)]
    picked = [
        _spread(group, max(int(most * share), 1))
        for group, share in zip(groups, SHARES, strict=True)
    ]
    weight = [np.full(len(p), len(g) / max(len(p), 1)) for p, g in zip(picked, groups, strict=True)]
    return np.concatenate(picked), np.concatenate(weight)


def _oddness(graphs: WindowGraphs) -> NDArray[np.float32]:
    """(N,) how much evidence a node shows, summed over its features."""
    node = squash(torch.from_numpy(graphs.node)) - usual()
    evidence = torch.zeros(node.shape[1])
    evidence[places(EVIDENCE)] = 1
    oddness: NDArray[np.float32] = (node.abs() @ evidence).numpy()
    return oddness


def _spread(items: Ints, most: int) -> Ints:
    if len(items) <= most:
        return items
    return items[np.linspace(0, len(items) - 1, most).astype(np.int64)]


def _batch(samples: Sequence[_Sample]) -> GraphBatch:
    if not samples:
        raise InvalidInput(
            "All training traffic that could be trained on or validated on is in an enrolment.",
            "Add captures, or lower `enrolment.seconds`.",
        )
    graphs = WindowGraphs.concat([around(s.graphs, s.node) for s in samples])
    count = [len(s.node) for s in samples]
    weight = np.concatenate([s.weight for s in samples])
    capture = np.repeat([s.capture for s in samples], count)
    _, car = np.unique([s.vehicle for s in samples], return_inverse=True)
    attack = _label(graphs) == 1
    even = BENIGN_SHARE * _evenly(weight * ~attack, np.repeat(car, count))
    even += (1 - BENIGN_SHARE) * _evenly(weight * attack, capture)
    node_weight = np.zeros(len(graphs.node))
    node_weight[graphs.node_ptr[:-1]] = even * len(even)
    return GraphBatch.of(graphs, node_weight)


def _evenly(weight: Floats, group: NDArray[np.integer]) -> Floats:
    """The weights scaled so that every group with any has as much, and all together 1."""
    total = np.bincount(group, weights=weight)
    groups = max(np.count_nonzero(total), 1)
    even: Floats = weight / np.where(total > 0, total, 1)[group] / groups
    return even


def _label(graphs: WindowGraphs) -> NDArray[np.uint8]:
    if graphs.label is None:
        raise InvalidInput("Windows to train on have no labels.", "Label the frames.")
    return graphs.label


def _attack_count(graphs: WindowGraphs) -> NDArray[np.int32]:
    if graphs.attack_count is None:
        raise InvalidInput("Nodes to train on have no labels.", "Label the frames.")
    return graphs.attack_count
