"""Which windows experts are trained on, and how much each of their nodes counts."""

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

# Benign nodes count this much against attack nodes. A node is benign far more often than that, but
# a window has dozens of them.
BENIGN_SHARE = 5 / 6
ODDEST = 0.25

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Sample:
    """Windows of one capture under one enrolment.

    Attributes:
        capture: which capture.
        vehicle: its car.
        graphs: the windows.
        weight: (n,) how many windows each one stands for.
    """

    capture: int
    vehicle: str
    graphs: WindowGraphs
    weight: Floats


def training_graphs(
    captures: Sequence[LabelledCapture], held: Holdout, most: int
) -> tuple[GraphBatch, GraphBatch]:
    """Graphs to train on and graphs to stop early by, under every enrolment of their cars.

    Cars count alike in benign traffic and captures alike in attacks, however long they are. Benign
    nodes of attack windows count nothing: what an attack does to other ids is no one's fault.

    Args:
        captures: with views; windows that share traffic with an enrolment are left out.
        held: which of all captures' windows are for validation.
        most: windows a capture and enrolment, half of them attacks.
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
        parts.append(_batch(list(_samples(captures, allowed, max(int(most * share), 4)))))
    return parts[0], parts[1]


def _samples(
    captures: Sequence[LabelledCapture], allowed: Sequence[NDArray[np.bool_]], most: int
) -> Iterator[_Sample]:
    for n, (capture, own) in enumerate(zip(captures, allowed, strict=True)):
        views = [(np.flatnonzero(own), capture.graphs)]
        views += [(np.flatnonzero(own[v.windows]), v.graphs) for v in capture.views]
        for windows, graphs in views:
            chosen, weight = _choose(graphs, windows, most)
            if len(chosen):
                yield _Sample(n, capture.capture.vehicle, graphs.take(chosen), weight)


def _choose(graphs: WindowGraphs, windows: Ints, most: int) -> tuple[Ints, Floats]:
    """Windows out of those given, evenly spaced in time, and how many each one stands for.

    Half of the benign ones are from the oddest quarter: there the border to attacks runs.
    """
    attack = _label(graphs)[windows] == 1
    benign = windows[~attack]
    oddness = _oddness(graphs)[benign]
    odd = oddness >= np.quantile(oddness, 1 - ODDEST) if len(benign) else np.empty(0, bool)
    groups = ((windows[attack], most // 2), (benign[odd], most // 4), (benign[~odd], most // 4))
    picked = [_spread(group, count) for group, count in groups]
    weight = [
        np.full(len(p), len(g) / max(len(p), 1)) for p, (g, _) in zip(picked, groups, strict=True)
    ]
    return np.concatenate(picked), np.concatenate(weight)


def _oddness(graphs: WindowGraphs) -> Floats:
    """(W,) the most evidence that any node of a window shows, summed over its features."""
    which = places(EVIDENCE)
    distance = (squash(torch.from_numpy(graphs.node)) - usual())[:, which].abs().sum(1).numpy()
    oddest: Floats = np.maximum.reduceat(distance, graphs.node_ptr[:-1])
    return oddest


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
    graphs = WindowGraphs.concat([s.graphs for s in samples])
    nodes = np.diff(graphs.node_ptr)
    count = [len(s.graphs) for s in samples]
    weight = np.repeat(np.concatenate([s.weight for s in samples]), nodes)
    capture = np.repeat(np.repeat([s.capture for s in samples], count), nodes)
    _, car = np.unique([s.vehicle for s in samples], return_inverse=True)
    vehicle = np.repeat(np.repeat(car, count), nodes)
    attack = _attack_count(graphs) > 0
    benign = ~attack & (np.repeat(_label(graphs), nodes) == 0)
    even = BENIGN_SHARE * _evenly(weight * benign, vehicle)
    even += (1 - BENIGN_SHARE) * _evenly(weight * attack, capture)
    counted = np.count_nonzero(benign | attack)
    return GraphBatch.of(graphs, even * counted)


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
