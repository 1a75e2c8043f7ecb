"""Turns windows of frames into graphs, many at once and without a Python object per window.

A node is an identifier that occurs in the window, a directed edge a step from one frame to the next
(Islam et al., "Graph-based intrusion detection system for controller area networks", 2022).
Frames are sorted once per window by (id, position); every statistic of a node or an edge is then a
reduction over one contiguous run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.can.frames import CLASSIC_BYTES, Frames
from ml.can.windows import WindowConfig, window_bounds, window_labels, window_starts

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

NODE_FEATURES = (
    *(f"mean_byte_{i}" for i in range(CLASSIC_BYTES)),
    "count",
    "last_position",
    "extended",
    "payload_bytes",
    "byte_spread",
    "mean_bit_flips",
    "max_bit_flips",
    "repeats",
    "min_interval",
    "mean_interval",
    "max_interval",
)
EDGE_FEATURES = (
    "count",
    "share_of_source",
    "first_position",
    "last_position",
    "mean_step",
    "step_spread",
    "self_loop",
    "reversed_too",
    "source_degree",
    "target_degree",
    "repeats",
    "min_gap",
    "mean_gap",
)
WINDOW_FEATURES = ("duration", "nodes", "edges", "largest_share", "min_gap", "max_gap")

# Bounds what one pass allocates; about 50 MB at 100 frames a window.
WINDOWS_AT_ONCE = 2048
POSITION_BITS = np.uint64(16)
POSITION_MASK = np.uint64(0xFFFF)
FASTEST_SECONDS = 1e-5
DECADES = 6.0


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
    traffic = frames.traffic()
    starts = window_starts(len(traffic), config)
    chunks = np.split(starts, range(WINDOWS_AT_ONCE, len(starts), WINDOWS_AT_ONCE))
    return WindowGraphs.concat([_build(traffic, chunk, config.window_size) for chunk in chunks])


def log_seconds(seconds: NDArray[np.floating]) -> Floats:
    """Map durations from 10 µs to 10 s onto 0 to 1 by their logarithm; shorter ones become 0."""
    decades = np.log10(np.maximum(seconds, FASTEST_SECONDS) / FASTEST_SECONDS)
    return np.asarray(decades / DECADES, np.float32)


def _build(frames: Frames, starts: NDArray[np.intp], size: int) -> WindowGraphs:
    ids = frames.arbitration[starts[:, None] + np.arange(size)]
    by_id = _Runs.of(ids.astype(np.uint64))
    local_node = by_id.run_of_position() - by_id.ptr[:-1, None]
    by_step = _Runs.of((local_node[:, :-1] * size + local_node[:, 1:]).astype(np.uint64))

    first = starts[by_id.window[by_id.first]] + by_id.position[by_id.first]
    edge_window = by_step.window[by_step.first]
    steps = by_step.key[by_step.first].astype(np.int64)
    edge_index = np.stack([steps // size, steps % size]) + by_id.ptr[edge_window]
    begin, end = window_bounds(frames, starts, size)
    label = None if frames.label is None else window_labels(frames.label, starts, size)
    node = _node_features(frames, starts, by_id, size)
    gaps = np.diff(frames.timestamp[starts[:, None] + np.arange(size)], axis=1)
    return WindowGraphs(
        arbitration=frames.arbitration[first],
        node=node,
        node_ptr=by_id.ptr,
        edge_index=edge_index,
        edge=_edge_features(gaps, by_step, edge_index, size),
        edge_ptr=by_step.ptr,
        window=_window_features(gaps, by_id, by_step, size),
        start=begin,
        end=end,
        label=label,
    )


@dataclass(frozen=True)
class _Runs:
    """Positions of W windows, sorted by key within each window; equal keys form one run.

    Attributes:
        key, position, window: (W·P,) of each sorted entry.
        first: (R,) index of each run's first entry.
        count: (R,) entries in each run.
        ptr: (W + 1,) runs of window w are `ptr[w]:ptr[w + 1]`.
        shape: (W, P).
    """

    key: NDArray[np.uint64]
    position: Ints
    window: Ints
    first: Ints
    count: Ints
    ptr: Ints
    shape: tuple[int, int]

    @staticmethod
    def of(keys: NDArray[np.uint64]) -> _Runs:
        windows, positions = keys.shape
        # Key and position share one integer, so that a plain sort is stable and also fast.
        packed = (keys << POSITION_BITS) | np.arange(positions, dtype=np.uint64)
        packed.sort(axis=1)
        key = packed >> POSITION_BITS
        starts_run = np.ones(key.shape, bool)
        starts_run[:, 1:] = key[:, 1:] != key[:, :-1]
        first = np.flatnonzero(starts_run)
        return _Runs(
            key=key.ravel(),
            position=(packed & POSITION_MASK).astype(np.int64).ravel(),
            window=np.repeat(np.arange(windows), positions),
            first=first,
            count=np.diff(np.append(first, key.size)),
            ptr=np.concatenate([[0], np.cumsum(starts_run.sum(axis=1))]),
            shape=(windows, positions),
        )

    def run_of_position(self) -> Ints:
        """(W, P) the run to which each position belongs."""
        runs = np.empty(self.shape, np.int64)
        runs[self.window, self.position] = np.repeat(np.arange(len(self.first)), self.count)
        return runs

    @property
    def last(self) -> Ints:
        """(R,) index of each run's last entry."""
        return self.first + self.count - 1

    def sums(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        """Sum of each run's values, (R, …)."""
        return np.add.reduceat(values, self.first, axis=0)

    def per_window(self, values: NDArray[np.floating], reduce: np.ufunc) -> NDArray[np.floating]:
        """Reduce one value a run over each window, (W,)."""
        return np.asarray(reduce.reduceat(values, self.ptr[:-1]))


def _node_features(frames: Frames, starts: NDArray[np.intp], runs: _Runs, size: int) -> Floats:
    rows = starts[runs.window] + runs.position
    payload = _eight_bytes(frames)[rows]
    count = runs.count.astype(np.float32)
    mean = runs.sums(payload.astype(np.float32)) / count[:, None]
    mean_square = runs.sums(payload.astype(np.float32) ** 2) / count[:, None]
    spread = np.sqrt(np.maximum(mean_square - mean**2, 0)).mean(axis=1)
    flips = _bit_flips(payload, runs)
    single = runs.count == 1
    last = runs.position[runs.last]
    columns = [
        mean / 255,
        count / size,
        last / (size - 1),
        frames.extended[rows[runs.first]],
        runs.sums(frames.length[rows].astype(np.float32)) / count / CLASSIC_BYTES,
        spread / 128,
        runs.sums(flips) / np.maximum(count - 1, 1),
        np.maximum.reduceat(flips, runs.first),
        ~single,
        *_interval_features(frames.timestamp[rows], runs),
    ]
    return _columns(columns)


def _eight_bytes(frames: Frames) -> NDArray[np.uint8]:
    """Payload as eight columns; a CAN-FD payload is folded, place i xor-ing every eighth byte."""
    width = frames.payload.shape[1]
    if width == CLASSIC_BYTES:
        return frames.payload
    folded = frames.payload.reshape(len(frames), width // CLASSIC_BYTES, CLASSIC_BYTES)
    eight: NDArray[np.uint8] = np.bitwise_xor.reduce(folded, axis=1)
    return eight


def _bit_flips(payload: NDArray[np.uint8], runs: _Runs) -> Floats:
    """Share of the 64 bits that differ from the same id's frame before; 0 for a first frame."""
    words = np.ascontiguousarray(payload).view(np.uint64).ravel()
    flips = np.zeros(len(words), np.float32)
    flips[1:] = np.bitwise_count(words[1:] ^ words[:-1]) / np.float32(64)
    flips[runs.first] = 0
    return flips


def _interval_features(timestamp: NDArray[np.float64], runs: _Runs) -> list[Floats]:
    """Least, mean and largest seconds between an id's frames; 1 where it occurs only once."""
    gaps = np.zeros(len(timestamp))
    gaps[1:] = np.diff(timestamp)
    gaps[runs.first] = 0
    largest = np.maximum.reduceat(gaps, runs.first)
    gaps[runs.first] = np.inf
    least = np.minimum.reduceat(gaps, runs.first)
    span = timestamp[runs.last] - timestamp[runs.first]
    mean = span / np.maximum(runs.count - 1, 1)
    single = runs.count == 1
    return [
        np.where(single, np.float32(1), log_seconds(v))
        for v in (np.where(single, 1.0, least), mean, largest)
    ]


def _edge_features(gaps: NDArray[np.float64], runs: _Runs, edge_index: Ints, size: int) -> Floats:
    source, target = edge_index
    nodes = int(edge_index.max()) + 1
    count = runs.count.astype(np.float32)
    first, last = runs.position[runs.first], runs.position[runs.last]
    out_degree, in_degree = (
        np.bincount(source, minlength=nodes),
        np.bincount(target, minlength=nodes),
    )
    leaving = np.bincount(source, weights=count, minlength=nodes)
    gap = gaps[runs.window, runs.position]
    columns = [
        count / size,
        count / leaving[source],
        first / (size - 1),
        last / (size - 1),
        np.where(runs.count > 1, (last - first) / np.maximum(runs.count - 1, 1), size) / size,
        _step_spread(runs) / size,
        source == target,
        np.isin(target * nodes + source, source * nodes + target),
        out_degree[source] / np.float32(10),
        in_degree[target] / np.float32(10),
        runs.count > 1,
        log_seconds(np.minimum.reduceat(gap, runs.first)),
        log_seconds(runs.sums(gap) / count),
    ]
    return _columns(columns)


def _step_spread(runs: _Runs) -> NDArray[np.floating]:
    """Standard deviation of the distances, in frames, between an edge's repeats."""
    steps = np.zeros(len(runs.position))
    steps[1:] = np.diff(runs.position)
    steps[runs.first] = 0
    repeats = np.maximum(runs.count - 1, 1)
    mean = runs.sums(steps) / repeats
    return np.sqrt(np.maximum(runs.sums(steps**2) / repeats - mean**2, 0))


def _window_features(gaps: NDArray[np.float64], nodes: _Runs, edges: _Runs, size: int) -> Floats:
    columns: list[NDArray[Any]] = [
        log_seconds(gaps.sum(axis=1)),
        np.diff(nodes.ptr) / size,
        np.diff(edges.ptr) / size,
        nodes.per_window(nodes.count.astype(np.float32), np.maximum) / size,
        log_seconds(gaps.min(axis=1)),
        log_seconds(gaps.max(axis=1)),
    ]
    return _columns(columns)


def _columns(columns: Sequence[NDArray[Any]]) -> Floats:
    return np.column_stack(columns).astype(np.float32)


def _joined_ptr(parts: Sequence[Ints]) -> Ints:
    return np.concatenate([[0], np.cumsum(np.concatenate([np.diff(p) for p in parts]))])
