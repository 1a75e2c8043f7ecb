"""Turns windows of frames into graphs, many at once and without a Python object per window.

A node is an identifier that occurs in the window, a directed edge a step from one frame to the next
(Islam et al., "Graph-based intrusion detection system for controller area networks", 2022).
Frames are sorted once per window by (id, position); every statistic of a node or an edge is then a
reduction over one contiguous run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from ml.can.features import Floats, edge_features, node_features, window_features
from ml.can.frames import Frames
from ml.can.runs import Ints, Runs
from ml.can.windows import WindowConfig, window_bounds, window_labels, window_starts

# Bounds what one pass allocates, about 50 MB.
FRAMES_AT_ONCE = 200_000


@dataclass(frozen=True)
class WindowGraphs:
    """Graphs of W windows with N nodes and E edges in all, as arrays.

    Attributes:
        arbitration: (N,) uint32, each node's id.
        node: (N, len(NODE_FEATURES)) float32, each about 0 to 1.
        node_ptr: (W + 1,) int64, window w has the nodes `node_ptr[w]:node_ptr[w + 1]`.
        edge_index: (2, E) int64, source and target node.
        edge: (E, len(EDGE_FEATURES)) float32, each about 0 to 1.
        edge_ptr: (W + 1,) int64, likewise for edges.
        window: (W, len(WINDOW_FEATURES)) float32, each about 0 to 1.
        start, end: (W,) float64, seconds of the first and last frame.
        label: (W,) uint8, 1 where any frame is an attack; None without labels.
    """

    arbitration: NDArray[np.uint32]
    node: Floats
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
        joined = {
            name: np.concatenate(values, axis=-1 if name == "edge_index" else 0)
            for name, values in columns.items()
            if name not in {"node_ptr", "edge_ptr", "label"}
        }
        labelled = all(p.label is not None for p in parts)
        return WindowGraphs(
            **joined,
            node_ptr=_joined_ptr([p.node_ptr for p in parts]),
            edge_ptr=_joined_ptr([p.edge_ptr for p in parts]),
            label=np.concatenate(columns["label"]) if labelled else None,
        )


def build_graphs(frames: Frames, config: WindowConfig) -> WindowGraphs:
    """Cut frames into windows and make each one's graph.

    Args:
        frames: in time order; error frames are left out.
        config: how to cut.

    Raises:
        InvalidInput: there are fewer frames than one window takes.
    """
    return WindowGraphs.concat(list(graphs_of(frames, config)))


def graphs_of(frames: Frames, config: WindowConfig) -> Iterator[WindowGraphs]:
    """The graphs of `build_graphs` in pieces of bounded size, for traffic of any length."""
    traffic = frames.traffic()
    starts = window_starts(len(traffic), config)
    at_once = max(FRAMES_AT_ONCE // config.window_size, 1)
    for chunk in np.split(starts, range(at_once, len(starts), at_once)):
        yield _build(traffic, chunk, config.window_size)


def _build(frames: Frames, starts: NDArray[np.intp], size: int) -> WindowGraphs:
    ids = frames.arbitration[starts[:, None] + np.arange(size)]
    by_id = Runs.of(ids.astype(np.uint64))
    local_node = by_id.run_of_position() - by_id.ptr[:-1, None]
    by_step = Runs.of((local_node[:, :-1] * size + local_node[:, 1:]).astype(np.uint64))

    first = starts[by_id.window[by_id.first]] + by_id.position[by_id.first]
    edge_window = by_step.window[by_step.first]
    steps = by_step.key[by_step.first].astype(np.int64)
    edge_index = np.stack([steps // size, steps % size]) + by_id.ptr[edge_window]
    begin, end = window_bounds(frames, starts, size)
    label = None if frames.label is None else window_labels(frames.label, starts, size)
    node = node_features(frames, starts, by_id, size)
    gaps = np.diff(frames.timestamp[starts[:, None] + np.arange(size)], axis=1)
    return WindowGraphs(
        arbitration=frames.arbitration[first],
        node=node,
        node_ptr=by_id.ptr,
        edge_index=edge_index,
        edge=edge_features(gaps, by_step, edge_index, size),
        edge_ptr=by_step.ptr,
        window=window_features(gaps, by_id, by_step, size),
        start=begin,
        end=end,
        label=label,
    )


def _joined_ptr(parts: Sequence[Ints]) -> Ints:
    return np.concatenate([[0], np.cumsum(np.concatenate([np.diff(p) for p in parts]))])
