"""Statistics of nodes, edges and windows, each about 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.can.frames import CLASSIC_BYTES, Frames
from ml.can.runs import Ints, Runs

Floats = NDArray[np.float32]

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

FASTEST_SECONDS = 1e-5
DECADES = 6.0


def log_seconds(seconds: NDArray[np.floating]) -> Floats:
    """Map durations from 10 µs to 10 s onto 0 to 1 by their logarithm; shorter ones become 0."""
    decades = np.log10(np.maximum(seconds, FASTEST_SECONDS) / FASTEST_SECONDS)
    return np.asarray(decades / DECADES, np.float32)


def node_features(frames: Frames, starts: NDArray[np.intp], runs: Runs, size: int) -> Floats:
    """`NODE_FEATURES` of each run of one id in a window of `size` frames, (N, F)."""
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


def _bit_flips(payload: NDArray[np.uint8], runs: Runs) -> Floats:
    """Share of the 64 bits that differ from the same id's frame before; 0 for a first frame."""
    words = np.ascontiguousarray(payload).view(np.uint64).ravel()
    flips = np.zeros(len(words), np.float32)
    flips[1:] = np.bitwise_count(words[1:] ^ words[:-1]) / np.float32(64)
    flips[runs.first] = 0
    return flips


def _interval_features(timestamp: NDArray[np.float64], runs: Runs) -> list[Floats]:
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


def edge_features(gaps: NDArray[np.float64], runs: Runs, edge_index: Ints, size: int) -> Floats:
    """`EDGE_FEATURES` of each run of one step, (E, F); gaps is (W, size - 1) seconds."""
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


def _step_spread(runs: Runs) -> NDArray[np.floating]:
    """Standard deviation of the distances, in frames, between an edge's repeats."""
    steps = np.zeros(len(runs.position))
    steps[1:] = np.diff(runs.position)
    steps[runs.first] = 0
    repeats = np.maximum(runs.count - 1, 1)
    mean = runs.sums(steps) / repeats
    return np.sqrt(np.maximum(runs.sums(steps**2) / repeats - mean**2, 0))


def window_features(gaps: NDArray[np.float64], nodes: Runs, edges: Runs, size: int) -> Floats:
    """`WINDOW_FEATURES` of each window, (W, F); gaps is (W, size - 1) seconds."""
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
