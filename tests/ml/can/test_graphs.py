"""Window graphs, against a plain reading of their definition."""

from dataclasses import fields
from itertools import pairwise

import numpy as np
import pytest
from frame_strategies import labelled_frames
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.can import graphs as graphs_module
from ml.can.features import EDGE_FEATURES, NODE_FEATURES, log_seconds
from ml.can.frames import Flag, Frames
from ml.can.graphs import WindowGraphs, build_graphs
from ml.can.windows import WindowConfig, window_overlap
from ml.errors import InvalidInput

WINDOWS = st.builds(WindowConfig, window_size=st.integers(2, 8), stride=st.integers(1, 10))


def graph_of_window(frames: Frames):
    """Nodes and edges of one window by the definition, with loops."""
    nodes = {}
    for i, identifier in enumerate(frames.arbitration.tolist()):
        nodes.setdefault(identifier, []).append(i)
    edges = {}
    ids = frames.arbitration.tolist()
    for i, step in enumerate(pairwise(ids)):
        edges.setdefault(step, []).append(i)
    return dict(sorted(nodes.items())), edges


@settings(max_examples=60)
@given(labelled_frames(), WINDOWS)
def test_every_window_has_the_nodes_edges_and_statistics_of_its_frames(frames, config):
    graphs = build_graphs(frames, config)
    starts = range(0, len(frames) - config.window_size + 1, config.stride)
    assert len(graphs) == len(starts)
    for w, start in enumerate(starts):
        window = frames[start : start + config.window_size]
        nodes, edges = graph_of_window(window)
        chosen = slice(graphs.node_ptr[w], graphs.node_ptr[w + 1])
        assert graphs.arbitration[chosen].tolist() == list(nodes)
        assert graphs.label[w] == window.label.max()
        assert (graphs.start[w], graphs.end[w]) == (window.timestamp[0], window.timestamp[-1])

        expected = [_node(window, rows, config.window_size) for rows in nodes.values()]
        found = {n: graphs.node[chosen][:, NODE_FEATURES.index(n)] for n in expected[0]}
        for name, values in found.items():
            np.testing.assert_allclose(values, [e[name] for e in expected], atol=2e-6, err_msg=name)

        links = slice(graphs.edge_ptr[w], graphs.edge_ptr[w + 1])
        source, target = graphs.arbitration[graphs.edge_index[:, links]]
        assert set(zip(source.tolist(), target.tolist(), strict=True)) == set(edges)
        counts = graphs.edge[links][:, EDGE_FEATURES.index("count")] * config.window_size
        steps = zip(source.tolist(), target.tolist(), strict=True)
        counted = {step: round(float(c)) for step, c in zip(steps, counts, strict=True)}
        assert counted == {step: len(places) for step, places in edges.items()}


def _node(window: Frames, rows: list[int], size: int) -> dict[str, float]:
    payload = window.payload[rows].astype(float)
    bits = np.unpackbits(window.payload[rows], axis=1).astype(int)
    flips = np.abs(np.diff(bits, axis=0)).mean(axis=1) if len(rows) > 1 else np.zeros(1)
    gaps = np.diff(window.timestamp[rows]) if len(rows) > 1 else None
    return {
        "mean_byte_0": payload[:, 0].mean() / 255,
        "mean_byte_7": payload[:, 7].mean() / 255,
        "count": len(rows) / size,
        "last_position": rows[-1] / (size - 1),
        "mean_bit_flips": flips.mean(),
        "max_bit_flips": flips.max(),
        "repeats": float(len(rows) > 1),
        "min_interval": 1.0 if gaps is None else float(log_seconds(gaps.min())),
        "max_interval": 1.0 if gaps is None else float(log_seconds(gaps.max())),
    }


@settings(max_examples=30)
@given(labelled_frames(), WINDOWS)
def test_graphs_do_not_depend_on_how_many_windows_are_built_at_once(frames, config):
    """No window is cut, moved or lost where one chunk of work ends and the next begins."""
    whole = build_graphs(frames, config)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graphs_module, "FRAMES_AT_ONCE", 20)
        chunked = build_graphs(frames, config)
    for name in (f.name for f in fields(WindowGraphs)):
        np.testing.assert_array_equal(getattr(whole, name), getattr(chunked, name), err_msg=name)


@settings(max_examples=30)
@given(labelled_frames(smallest=20), st.integers(2, 8))
def test_a_window_alone_has_the_same_graph_as_among_others(frames, size):
    config = WindowConfig(window_size=size, stride=size)
    among = build_graphs(frames, config)
    last = len(among) - 1
    alone = build_graphs(frames[last * size : (last + 1) * size], config)
    nodes = slice(among.node_ptr[last], among.node_ptr[last + 1])
    np.testing.assert_array_equal(alone.node, among.node[nodes])
    np.testing.assert_array_equal(alone.window[0], among.window[last])


@given(labelled_frames(smallest=30), WINDOWS)
@settings(max_examples=30)
def test_features_are_finite_and_of_order_one(frames, config):
    graphs = build_graphs(frames, config)
    for values in (graphs.node, graphs.edge, graphs.window):
        assert np.isfinite(values).all()
        assert np.abs(values).max() <= config.window_size


def test_error_frames_are_not_traffic():
    frames = Frames(
        timestamp=np.arange(6.0),
        can_id=np.array([1, 2, 3, 1, 2, 3], np.uint32),
        flags=np.array([0, Flag.ERROR, 0, 0, Flag.ERROR, 0], np.uint8),
        length=np.full(6, 8, np.uint8),
        payload=np.zeros((6, 8), np.uint8),
    )
    graphs = build_graphs(frames, WindowConfig(window_size=4, stride=4))
    assert graphs.arbitration.tolist() == [1, 3]
    assert graphs.label is None


def test_an_eleven_bit_and_a_29_bit_id_of_the_same_number_are_two_nodes():
    frames = Frames(
        timestamp=np.arange(4.0),
        can_id=np.array([0x123] * 4, np.uint32),
        flags=np.array([0, Flag.EXTENDED, 0, Flag.EXTENDED], np.uint8),
        length=np.full(4, 8, np.uint8),
        payload=np.zeros((4, 8), np.uint8),
    )
    graphs = build_graphs(frames, WindowConfig(window_size=4, stride=4))
    assert len(graphs.node) == 2
    assert graphs.node[:, NODE_FEATURES.index("extended")].tolist() == [0, 1]


def test_can_fd_payloads_give_the_same_number_of_features():
    n = 10
    frames = Frames(
        timestamp=np.arange(n) / 100,
        can_id=np.full(n, 5, np.uint32),
        flags=np.full(n, Flag.FD, np.uint8),
        length=np.full(n, 64, np.uint8),
        payload=np.random.default_rng(0).integers(0, 256, (n, 64), dtype=np.uint8),
    )
    graphs = build_graphs(frames, WindowConfig(window_size=5, stride=5))
    assert graphs.node.shape == (2, len(NODE_FEATURES))


def test_a_window_longer_than_the_traffic_is_refused_with_both_numbers():
    with pytest.raises(InvalidInput, match=r"takes 100 frames, but there are only 0"):
        build_graphs(Frames.empty(), WindowConfig())


@given(WINDOWS)
def test_the_overlap_is_how_many_later_windows_share_a_frame(config):
    overlap = window_overlap(config)
    assert overlap * config.stride < config.window_size <= (overlap + 1) * config.stride
