"""Turns windows of frames into graphs, many at once and without a Python object per window.

A node is an identifier that occurs in the window, a directed edge a step from one frame to the next
(Islam et al., "Graph-based intrusion detection system for controller area networks", 2022); what
describes them is relative to the profile of the car. Frames are sorted once per window by (id,
position); every statistic of a node or an edge is then a reduction over one contiguous run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml.can.features.arrangement import Arrangement, Floats
from ml.can.features.edges import edge_features
from ml.can.features.nodes import node_features
from ml.can.features.windows import window_features
from ml.can.frames import Frames
from ml.can.runs import Ints, Runs
from ml.can.windows import WindowConfig, window_bounds, window_labels, window_starts

if TYPE_CHECKING:
    from ml.can.profiles.profile import VehicleProfile

# Bounds what one pass allocates.
FRAMES_AT_ONCE = 100_000


@dataclass(frozen=True)
class WindowGraphs:
    """Graphs of W windows with N nodes and E edges in all, as arrays.

    Attributes:
        arbitration: (N,) uint32, each node's id, ascending within a window.
        node: (N, len(NODE_FEATURES)) float32.
        frame_count: (N,) int32, frames of the node.
        attack_count: (N,) int32, attack frames of the node; None without labels.
        node_ptr: (W + 1,) int64, window w has the nodes `node_ptr[w]:node_ptr[w + 1]`.
        edge_index: (2, E) int64, source and target node.
        edge: (E, len(EDGE_FEATURES)) float32.
        edge_ptr: (W + 1,) int64, likewise for edges.
        window: (W, len(WINDOW_FEATURES)) float32.
        start, end: (W,) float64, seconds of the first and last frame.
        label: (W,) uint8, 1 where any frame is an attack; None without labels.
    """

    arbitration: NDArray[np.uint32]
    node: Floats
    frame_count: NDArray[np.int32]
    attack_count: NDArray[np.int32] | None
    node_ptr: Ints
    edge_index: Ints
    edge: Floats
    edge_ptr: Ints
    window: Floats
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    label: NDArray[np.uint8] | None

    def __len__(self) -> int:
        return len(self.start)

    @staticmethod
    def concat(parts: Sequence[WindowGraphs]) -> WindowGraphs:
        """Join graphs end to end; labels survive only where every part has them."""
        if len(parts) == 1:
            return parts[0]
        columns = {f.name: [getattr(p, f.name) for p in parts] for f in fields(WindowGraphs)}
        nodes = np.cumsum([0, *(len(p.node) for p in parts)])
        columns["edge_index"] = [e + n for e, n in zip(columns["edge_index"], nodes, strict=False)]
        for name in ("node_ptr", "edge_ptr"):
            columns[name] = [_joined_ptr(columns[name])]
        joined: dict[str, Any] = {}
        for name, values in columns.items():
            axis = -1 if name == "edge_index" else 0
            missing = any(v is None for v in values)
            joined[name] = None if missing else np.concatenate(values, axis=axis)
        return WindowGraphs(**joined)

    def take(self, windows: NDArray[np.integer] | NDArray[np.bool_]) -> WindowGraphs:
        """The graphs of some windows, in the order given.

        Args:
            windows: (V,) indices of windows, or (W,) True for those to take.
        """
        chosen = np.flatnonzero(windows) if windows.dtype == bool else windows.astype(np.int64)
        node_at, node_ptr = _spread(self.node_ptr, chosen)
        edge_at, edge_ptr = _spread(self.edge_ptr, chosen)
        moved = np.repeat(node_ptr[:-1] - self.node_ptr[chosen], np.diff(edge_ptr))
        return WindowGraphs(
            arbitration=self.arbitration[node_at],
            node=self.node[node_at],
            frame_count=self.frame_count[node_at],
            attack_count=None if self.attack_count is None else self.attack_count[node_at],
            node_ptr=node_ptr,
            edge_index=self.edge_index[:, edge_at] + moved,
            edge=self.edge[edge_at],
            edge_ptr=edge_ptr,
            window=self.window[chosen],
            start=self.start[chosen],
            end=self.end[chosen],
            label=None if self.label is None else self.label[chosen],
        )


def build_graphs(frames: Frames, config: WindowConfig, profile: VehicleProfile) -> WindowGraphs:
    """Cut frames into windows and make each one's graph.

    Args:
        frames: in time order; error frames are left out.
        config: how to cut.
        profile: of the car that the frames are from.

    Raises:
        InvalidInput: there are fewer frames than one window takes.
    """
    return WindowGraphs.concat(list(graphs_of(frames, config, profile)))


def graphs_of(
    frames: Frames, config: WindowConfig, profile: VehicleProfile
) -> Iterator[WindowGraphs]:
    """The graphs of `build_graphs` in pieces of bounded size, for traffic of any length."""
    traffic = frames.traffic()
    starts = window_starts(len(traffic), config)
    size = config.window_size
    at_once = max(FRAMES_AT_ONCE // size, 1)
    for chunk in np.split(starts, range(at_once, len(starts), at_once)):
        yield _build(traffic[chunk[0] : chunk[-1] + size], chunk - chunk[0], size, profile)


def _build(
    frames: Frames, starts: NDArray[np.intp], size: int, profile: VehicleProfile
) -> WindowGraphs:
    ids = frames.arbitration[starts[:, None] + np.arange(size)]
    by_id = Runs.of(ids.astype(np.uint64))
    windows = Arrangement.of(frames, starts, by_id, profile)
    by_step, edge_index = _steps(by_id, size)
    node, evidence = node_features(windows, profile)
    edge, unseen, surprise = edge_features(windows, by_step, edge_index, profile)
    begin, end = window_bounds(frames, starts, size)
    label, attacks = frames.label, None
    if label is not None:
        attacks = windows.total(label[windows.row]).astype(np.int32)
    return WindowGraphs(
        arbitration=by_id.key[by_id.first].astype(np.uint32),
        node=node,
        frame_count=by_id.count.astype(np.int32),
        attack_count=attacks,
        node_ptr=by_id.ptr,
        edge_index=edge_index,
        edge=edge,
        edge_ptr=by_step.ptr,
        window=window_features(windows, evidence, node, by_step, (unseen, surprise), profile),
        start=begin,
        end=end,
        label=None if label is None else window_labels(label, starts, size),
    )


def _steps(by_id: Runs, size: int) -> tuple[Runs, Ints]:
    """Runs of equal steps, and (2, E) the nodes that each run leads from and to."""
    local = by_id.run_of_position() - by_id.ptr[:-1, None]
    steps = Runs.of((local[:, :-1] * size + local[:, 1:]).astype(np.uint64))
    step = steps.key[steps.first].astype(np.int64)
    ends: Ints = np.stack([step // size, step % size]) + by_id.ptr[steps.window[steps.first]]
    return steps, ends


def _spread(ptr: Ints, chosen: Ints) -> tuple[Ints, Ints]:
    """Rows of the chosen windows, and where each window's rows begin among them."""
    count = (ptr[1:] - ptr[:-1])[chosen]
    begin = np.concatenate([[0], np.cumsum(count)])
    rows: Ints = np.arange(begin[-1]) + np.repeat(ptr[:-1][chosen] - begin[:-1], count)
    return rows, begin


def _joined_ptr(parts: Sequence[Ints]) -> Ints:
    return np.concatenate([[0], np.cumsum(np.concatenate([np.diff(p) for p in parts]))])
