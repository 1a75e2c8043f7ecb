"""What detectors said about captures: the one form that everything here measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.errors import InvalidInput
from ml.evaluation.metrics import Labels, Scores

FUSED = "fused"
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class NodeScores:
    """The fused score of each node (one id in one window) of W windows.

    Attributes:
        node_ptr: (W + 1,) nodes of window w are `node_ptr[w]:node_ptr[w + 1]`.
        score: (N,) on the scale of the fused threshold.
        frame_count: (N,) frames of the node.
        attack_count: (N,) attack frames among them.
    """

    node_ptr: NDArray[np.integer[Any]]
    score: Scores
    frame_count: NDArray[np.integer[Any]]
    attack_count: NDArray[np.integer[Any]]

    def only(self, windows: Mask) -> NodeScores:
        """The nodes of the windows chosen by a (W,) mask."""
        nodes = np.diff(self.node_ptr)
        kept = np.repeat(windows, nodes)
        return NodeScores(
            np.concatenate([[0], np.cumsum(nodes[windows])]),
            self.score[kept],
            self.frame_count[kept],
            self.attack_count[kept],
        )


@dataclass(frozen=True)
class CaptureScores:
    """What the detectors said about one capture of W windows.

    Attributes:
        path: of the capture, as people know it.
        split: the split it belongs to.
        vehicle: whose bus it is.
        attack: kind of attack, None for an attack-free capture.
        labels: (W,), 1 where the window holds an attack.
        window_start: (W,) seconds, time of the window's first frame.
        window_end: (W,) seconds, time of its last frame.
        scores: (W,) per detector name.
        thresholds: per detector, of the models that scored this capture; those named here are
            measured, in this order.
        counted: (W,) False for windows that share traffic with the car's enrolment: they count
            nowhere, neither as windows nor as time. None: all count.
        shared: (W,) True for windows with benign traffic that is also in the training captures.
        nodes: node scores of the fusion, for the frame level.
        alpha: (W,) what the policy chose.
    """

    path: str
    split: str
    vehicle: str
    attack: str | None
    labels: Labels
    window_start: NDArray[np.float64]
    window_end: NDArray[np.float64]
    scores: Mapping[str, Scores]
    thresholds: Mapping[str, float]
    counted: Mask | None = None
    shared: Mask | None = None
    nodes: NodeScores | None = None
    alpha: NDArray[np.floating[Any]] | None = None

    @property
    def masked(self) -> int:
        """How many windows count nowhere."""
        return 0 if self.counted is None else int(np.count_nonzero(~self.counted))

    def of_counted(self) -> CaptureScores:
        """The capture with only the windows that count."""
        return self if self.counted is None else self.only(self.counted)

    def of_unshared(self) -> CaptureScores:
        """The capture with only the windows that count and are not in the training traffic."""
        known = self.of_counted()
        return known if known.shared is None else known.only(~known.shared)

    def only(self, windows: Mask) -> CaptureScores:
        """The capture with only the windows chosen by a (W,) mask, all of which count.

        Raises:
            InvalidInput: the mask is no (W,) array of booleans.
        """
        if windows.dtype != np.bool_ or windows.shape != np.shape(self.labels):
            raise InvalidInput(
                f"A mask of shape {windows.shape} does not fit {len(self.labels)} windows.",
                "Give one boolean for each window.",
            )
        return replace(
            self,
            labels=self.labels[windows],
            window_start=self.window_start[windows],
            window_end=self.window_end[windows],
            scores={name: score[windows] for name, score in self.scores.items()},
            counted=None,
            shared=None if self.shared is None else self.shared[windows],
            nodes=None if self.nodes is None else self.nodes.only(windows),
            alpha=None if self.alpha is None else self.alpha[windows],
        )


@dataclass(frozen=True)
class Family:
    """Captures that answer one question together.

    Attributes:
        name: short, as a heading.
        question: one sentence that says what it tells.
        captures: each with the thresholds of the models that scored it.
    """

    name: str
    question: str
    captures: Sequence[CaptureScores]


def by_split(captures: Sequence[CaptureScores]) -> dict[str, list[CaptureScores]]:
    """The captures of each split, splits in order of appearance."""
    splits: dict[str, list[CaptureScores]] = {}
    for capture in captures:
        splits.setdefault(capture.split, []).append(capture)
    return splits


def families_by_split(captures: Sequence[CaptureScores]) -> list[Family]:
    """A family for each split: a release on a dataset's own tests."""
    return [
        Family(split, "One split of the dataset, all of it scored by one release.", members)
        for split, members in by_split(captures).items()
    ]
