"""Window graphs, against a plain reading of their definition."""

from dataclasses import fields
from itertools import pairwise

import numpy as np
import pytest
from frame_strategies import IDS, a_profile, any_traffic, labelled_frames
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.can import graphs as graphs_module
from ml.can.features import EDGE_FEATURES, FAMILIES, NODE_FEATURES, WINDOW_FEATURES
from ml.can.frames import Flag, Frames
from ml.can.graphs import WindowGraphs, build_graphs
from ml.can.profiles import learn_profile
from ml.can.windows import WindowConfig, window_overlap
from ml.errors import InvalidInput

WINDOWS = st.builds(WindowConfig, window_size=st.integers(2, 8), stride=st.integers(1, 10))
PROFILE = a_profile()


def same(a: WindowGraphs, b: WindowGraphs) -> None:
    for name in (f.name for f in fields(WindowGraphs)):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


def test_every_feature_has_one_name_and_one_family():
    names = [name for family in FAMILIES.values() for name in family]
    assert tuple(names) == NODE_FEATURES
    for features in (NODE_FEATURES, EDGE_FEATURES, WINDOW_FEATURES):
        assert len(set(features)) == len(features)


@settings(max_examples=50)
@given(labelled_frames(), WINDOWS)
def test_every_window_has_the_nodes_and_edges_of_its_frames(frames, config):
    graphs = build_graphs(frames, config, PROFILE)
    size = config.window_size
    starts = range(0, len(frames) - size + 1, config.stride)
    assert len(graphs) == len(starts)
    for w, start in enumerate(starts):
        window = frames[start : start + size]
        ids = window.arbitration.tolist()
        chosen = slice(graphs.node_ptr[w], graphs.node_ptr[w + 1])
        nodes = sorted(set(ids))
        assert graphs.arbitration[chosen].tolist() == nodes
        assert graphs.frame_count[chosen].tolist() == [ids.count(i) for i in nodes]
        attacks = [int(window.label[window.arbitration == i].sum()) for i in nodes]
        assert graphs.attack_count[chosen].tolist() == attacks
        assert graphs.label[w] == window.label.max()
        assert (graphs.start[w], graphs.end[w]) == (window.timestamp[0], window.timestamp[-1])

        links = slice(graphs.edge_ptr[w], graphs.edge_ptr[w + 1])
        source, target = graphs.arbitration[graphs.edge_index[:, links]].tolist()
        share = graphs.edge[links, EDGE_FEATURES.index("share")]
        steps = list(pairwise(ids))
        counted = {
            s: round(float(c) * (size - 1))
            for s, c in zip(zip(source, target, strict=True), share, strict=True)
        }
        assert counted == {s: steps.count(s) for s in steps}


@settings(max_examples=30)
@given(labelled_frames(), WINDOWS)
def test_graphs_do_not_depend_on_how_many_windows_are_built_at_once(frames, config):
    """No window is cut, moved or lost where one chunk of work ends and the next begins."""
    whole = build_graphs(frames, config, PROFILE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graphs_module, "FRAMES_AT_ONCE", 20)
        same(whole, build_graphs(frames, config, PROFILE))


@settings(max_examples=30)
@given(labelled_frames(), WINDOWS)
def test_a_window_has_the_same_graph_alone_as_among_others_that_share_its_frames(frames, config):
    among = build_graphs(frames, config, PROFILE)
    for w, start in enumerate(range(0, len(frames) - config.window_size + 1, config.stride)):
        alone = build_graphs(frames[start : start + config.window_size], config, PROFILE)
        same(alone, among.take(np.array([w])))


@settings(max_examples=30)
@given(labelled_frames(smallest=20), WINDOWS, st.data())
def test_some_windows_can_be_taken_in_any_order_and_joined_again(frames, config, data):
    graphs = build_graphs(frames, config, PROFILE)
    order = np.array(data.draw(st.lists(st.integers(0, len(graphs) - 1), max_size=6)), np.int64)
    taken = graphs.take(order)
    assert len(taken) == len(order)
    np.testing.assert_array_equal(taken.window, graphs.window[order])
    if len(order):
        same(taken, WindowGraphs.concat([graphs.take(order[i : i + 1]) for i in range(len(order))]))
    late = graphs.start > graphs.start[0]
    same(graphs.take(late), graphs.take(np.flatnonzero(late)))


@settings(max_examples=40)
@given(any_traffic(), any_traffic(smallest=10, largest=100), WINDOWS)
def test_features_are_finite_and_bounded_whatever_was_learnt_and_whatever_comes(
    benign, frames, config
):
    graphs = build_graphs(frames, config, learn_profile([benign]))
    for values in (graphs.node, graphs.edge, graphs.window):
        assert values.dtype == np.float32
        assert np.isfinite(values).all()
        assert np.abs(values).max(initial=0) < 2e4


def test_error_frames_are_not_traffic():
    frames = Frames(
        timestamp=np.arange(6.0),
        can_id=np.array([1, 2, 3, 1, 2, 3], np.uint32),
        flags=np.array([0, Flag.ERROR, 0, 0, Flag.ERROR, 0], np.uint8),
        length=np.full(6, 8, np.uint8),
        payload=np.zeros((6, 8), np.uint8),
    )
    graphs = build_graphs(frames, WindowConfig(window_size=4, stride=4), PROFILE)
    assert graphs.arbitration.tolist() == [1, 3]
    assert graphs.label is None
    assert graphs.attack_count is None


def test_an_eleven_bit_and_a_29_bit_id_of_the_same_number_are_two_nodes():
    frames = Frames(
        timestamp=np.arange(4.0),
        can_id=np.array([IDS[0]] * 4, np.uint32),
        flags=np.array([0, Flag.EXTENDED, 0, Flag.EXTENDED], np.uint8),
        length=np.full(4, 8, np.uint8),
        payload=np.zeros((4, 8), np.uint8),
    )
    graphs = build_graphs(frames, WindowConfig(window_size=4, stride=4), PROFILE)
    assert graphs.node[:, NODE_FEATURES.index("unknown")].tolist() == [0, 1]


def test_every_byte_of_a_can_fd_payload_counts():
    """A changed byte far behind the eighth is as new as one in front."""
    rng = np.random.default_rng(0)
    frames = Frames(
        timestamp=np.arange(400) / 100,
        can_id=np.full(400, 5, np.uint32),
        flags=np.full(400, Flag.FD, np.uint8),
        length=np.full(400, 64, np.uint8),
        payload=np.tile(rng.integers(0, 256, 64, dtype=np.uint8), (400, 1)),
    )
    profile = learn_profile([frames])
    frames.payload[350, 61] ^= 0xFF
    graphs = build_graphs(frames, WindowConfig(), profile)
    changed = graphs.window[:, WINDOW_FEATURES.index("changed_constant_bits")]
    assert changed.tolist() == [0, 0, 0, 8]


def test_a_window_longer_than_the_traffic_is_refused_with_both_numbers():
    with pytest.raises(InvalidInput, match=r"takes 100 frames, but there are only 0"):
        build_graphs(Frames.empty(), WindowConfig(), PROFILE)


@given(WINDOWS)
def test_the_overlap_is_how_many_later_windows_share_a_frame(config):
    overlap = window_overlap(config)
    assert overlap * config.stride < config.window_size <= (overlap + 1) * config.stride
