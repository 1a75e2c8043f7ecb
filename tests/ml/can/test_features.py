"""Features relative to a profile: the usual is calm, the unusual stands out, no car is named."""

from dataclasses import replace

import numpy as np
import pytest
from frame_strategies import any_traffic
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ml.can.features import EDGE_FEATURES, NODE_FEATURES, WINDOW_FEATURES
from ml.can.frames import Flag, Frames
from ml.can.graphs import WindowGraphs, build_graphs
from ml.can.profiles import learn_profile
from ml.can.simulation import SimulationConfig, record
from ml.can.windows import WindowConfig

CAR = SimulationConfig(seconds=6)
WINDOW = WindowConfig()


def graphs_under(attack, profile) -> WindowGraphs:
    return build_graphs(record(CAR, "test", "alder", attack).frames, WINDOW, profile)


def of_window(graphs: WindowGraphs, name: str):
    return graphs.window[:, WINDOW_FEATURES.index(name)]


def of_node(graphs: WindowGraphs, name: str):
    return graphs.node[:, NODE_FEATURES.index(name)]


def most(graphs: WindowGraphs, name: str):
    """Largest value of a node feature in each window."""
    return np.maximum.reduceat(of_node(graphs, name), graphs.node_ptr[:-1])


@pytest.fixture(scope="module")
def drive() -> Frames:
    return record(CAR, "train", "alder", None).frames


@pytest.fixture(scope="module")
def profile(drive):
    return learn_profile([drive])


def test_a_car_is_calm_relative_to_itself(drive, profile):
    graphs = build_graphs(drive, WINDOW, profile)
    for name in (
        "unknown",
        "length_surprise",
        "changed_constant_bits",
        "novel_bytes_surprise",
        "novel_payload_surprise",
        "range_excess",
        "lateness",
        "excess_flips",
        "parity_violations",
        "checksum_violation",
        "missing_companions",
    ):
        assert of_node(graphs, name).max() == 0, name
    for name in ("unknown_frames", "unseen_transitions", "bit_flips", "length_changes"):
        assert of_window(graphs, name).max() == 0, name
    assert graphs.edge[:, EDGE_FEATURES.index("unseen")].max() == 0
    # Surprises against one's own 99.9 % quantile are rare, and counts balance.
    assert (of_node(graphs, "value_surprise") > 0).mean() < 0.02
    assert of_node(graphs, "novel_share").mean() < 0.02
    assert np.abs(of_node(graphs, "frames_too_many")).max() < 0.5
    assert of_window(graphs, "relative_duration").mean() == pytest.approx(1, abs=0.05)
    assert of_window(graphs, "early_60").max() == 0


@pytest.mark.parametrize(
    ("attack", "feature"),
    [
        ("DoS", "unknown"),
        ("DoS", "unheard_surprise"),
        ("fuzzing", "unknown"),
        ("fuzzing", "unheard_surprise"),
        ("replay", "frames_unexplained_beyond_record"),
        ("spoofing", "early_with_trace_beyond_record"),
        ("replay", "early_two_step_surprise_beyond_record"),
        ("replay", "frames_too_many"),
    ],
)
def test_an_attack_stands_out_where_it_must(profile, attack, feature):
    graphs = graphs_under(attack, profile)
    value, attacked = most(graphs, feature), graphs.label == 1
    assert np.median(value[attacked]) > value[~attacked].max()


def test_evidence_is_on_the_node_that_is_attacked(profile):
    graphs = graphs_under("spoofing", profile)
    value, attacked = of_node(graphs, "early_with_trace"), graphs.attack_count > 0
    assert np.median(value[attacked]) > value[~attacked].max()


def test_unheard_ids_surprise_as_frames_that_so_long_an_enrolment_should_have_heard():
    # 1 s of 200 frames, of which one id came once: Good and Turing expect 2 new ones in 201.
    heard = np.r_[np.tile([0x10, 0x11], 99), [0x10, 0x77]].astype(np.uint32)
    profile = learn_profile(
        [frames_at(np.linspace(0, 1, 200), heard, np.zeros((200, 8), np.uint8))]
    )
    ids = np.array([0x10] * 97 + [0x300, 0x301, 0x301], np.uint32)
    time = np.linspace(5, 5.25, 100)
    graphs = build_graphs(frames_at(time, ids, np.zeros((100, 8), np.uint8)), WINDOW, profile)
    both = 2 * np.log(201 / 2) + np.log(1 + 1 / 0.25)
    np.testing.assert_allclose(of_node(graphs, "unheard_surprise"), [0, both, both], rtol=1e-6)


def test_a_flood_makes_windows_shorter_and_others_are_still_in_time(profile):
    graphs = graphs_under("DoS", profile)
    attacked = graphs.label == 1
    duration = of_window(graphs, "relative_duration")
    assert duration[attacked].max() < duration[~attacked].min()
    assert of_window(graphs, "unknown_frames")[attacked].min() > 0


def test_a_wrong_length_and_a_changed_constant_bit_are_seen_in_one_frame(drive, profile):
    mask = profile.values.constant_mask
    place = int(np.argmax(np.bitwise_count(mask)))
    row = int(np.flatnonzero(drive.arbitration == profile.ids[place])[3])
    bit = int(mask[place]) & -int(mask[place])
    payload, length = drive.payload.copy(), drive.length.copy()
    payload[row] ^= np.frombuffer(bit.to_bytes(8, "little"), np.uint8)
    length[row] = 3
    graphs = build_graphs(replace(drive, payload=payload, length=length), WINDOW, profile)
    hit = np.arange(len(graphs)) == row // 100
    for name in ("changed_constant_bits", "length_changes"):
        assert of_window(graphs, name).tolist() == hit.astype(float).tolist()
    assert (most(graphs, "novel_payload_surprise") > 2).tolist() == hit.tolist()


@pytest.fixture
def companions() -> Frames:
    """Two ids of one task, every 100 ms and 1 ms apart, among frames of another."""
    rng = np.random.default_rng(0)
    tick = np.arange(0, 30, 0.1)
    times = {0x10: tick, 0x11: tick + 0.001, 0x20: np.arange(0, 30, 0.0053)}
    time = np.concatenate([t + rng.normal(0, 2e-5, len(t)) for t in times.values()])
    ids = np.concatenate([np.full(len(t), i, np.uint32) for i, t in times.items()])
    order = np.argsort(time)
    return frames_at(time[order], ids[order], np.zeros((len(ids), 8), np.uint8))


def test_a_companion_that_does_not_come_is_missed(companions):
    profile = learn_profile([companions])
    assert profile.companions.place[:2, 0].tolist() == [1, 0]
    window = WindowConfig(window_size=50, stride=25)
    calm = build_graphs(companions, window, profile)
    assert of_node(calm, "companion_surprise").max() == 0
    lost = np.flatnonzero(companions.can_id == 0x11)[150]
    graphs = build_graphs(companions[np.arange(len(companions)) != lost], window, profile)
    # Two windows share each frame.
    assert of_window(graphs, "missing_companions").sum() == 2


def test_a_companion_that_is_a_little_late_weighs_little(companions):
    """As one is that had to wait on a busy bus."""
    profile = learn_profile([companions])
    late = np.flatnonzero(companions.can_id == 0x11)[150]
    own = np.flatnonzero(companions.can_id == 0x10)[150]
    weight = []
    for delay in (-0.0005, 0.0005, 0.005):
        time = companions.timestamp.copy()
        time[late] = time[own] + profile.companions.high[0, 0] + delay
        traffic, _ = replace(companions, timestamp=time).in_time_order()
        graphs = build_graphs(traffic, WINDOW, profile)
        first = graphs.arbitration == 0x10
        weight.append(of_node(graphs, "companion_surprise")[first].max())
    assert weight == pytest.approx(profile.companions.surprise[0, 0] * np.array([0, 0.25, 1]))


@pytest.mark.parametrize(
    ("flipped", "lasts", "is_explained"), [(1, True, True), (1, False, False), (0, True, False)]
)
def test_an_extra_frame_is_explained_by_a_small_change_that_lasts(flipped, lasts, is_explained):
    """Ids that send at once when a switch is thrown: early, but not as an attack is."""
    times = np.concatenate([np.arange(0, 20, 0.02), np.arange(0.001, 20, 0.005)])
    ids = np.repeat(np.array([0x10, 0x20], np.uint32), [1000, 4000])
    payload = np.zeros((5000, 8), np.uint8)
    order = np.argsort(times)
    profile = learn_profile([frames_at(times[order], ids[order], payload[order])])
    payload[:1000, 0] = (times[:1000] > 10.004) * flipped * lasts
    times = np.append(times, 10.004)
    payload = np.vstack([payload, np.eye(1, 8, dtype=np.uint8) * flipped])
    order = np.argsort(times)
    traffic = frames_at(times[order], np.append(ids, 0x10).astype(np.uint32)[order], payload[order])
    graphs = build_graphs(traffic, WINDOW, profile)
    assert most(graphs, "early_surprise").max() > 9
    assert (most(graphs, "early_unexplained").max() < 5) == is_explained
    assert most(graphs, "frames_too_many").max() > 0.7
    assert (of_node(graphs, "frames_unexplained").max() < 0.3) == is_explained


def frames_at(times, ids, payload) -> Frames:
    n = len(times)
    return Frames(times, ids, np.zeros(n, np.uint8), np.full(n, 8, np.uint8), payload)


def renamed(frames: Frames, names: dict[int, tuple[int, bool]]) -> Frames:
    new = [names[a] for a in frames.arbitration.tolist()]
    extended = np.array([e for _, e in new], bool)
    return replace(
        frames,
        can_id=np.array([i for i, _ in new], np.uint32),
        flags=np.where(extended, frames.flags | Flag.EXTENDED, frames.flags & ~Flag.EXTENDED),
    )


def by_old_name(graphs: WindowGraphs, old: dict[int, int]):
    """Node features in the order of the old names, and edge features by their ends' old names."""
    name = np.array([old[a] for a in graphs.arbitration.tolist()])
    window = np.repeat(np.arange(len(graphs)), np.diff(graphs.node_ptr))
    edge_window = np.repeat(np.arange(len(graphs)), np.diff(graphs.edge_ptr))
    source, target = name[graphs.edge_index]
    nodes, edges = np.lexsort((name, window)), np.lexsort((target, source, edge_window))
    return graphs.node[nodes], graphs.edge[edges]


# Any failing car tells enough, and looking for the smallest one takes minutes.
@settings(max_examples=15, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(st.integers(0, 2**32 - 1), any_traffic(largest=300), st.booleans())
def test_renaming_every_id_of_a_car_changes_no_feature(drive, seed, strange, simulated):
    """Enrolment and traffic alike: so nothing that a network sees identifies the car."""
    benign = drive[:3000] if simulated else strange
    traffic = drive[2500:4000] if simulated else strange
    both = np.unique(np.concatenate([benign.arbitration, traffic.arbitration])).tolist()
    rng = np.random.default_rng(seed)
    new = rng.choice(2**28, len(both), replace=False).tolist()
    names = {
        old: (n & 0x7FF, False) if i == 0 else (n, True)
        for i, (old, n) in enumerate(zip(both, new, strict=True))
    }
    old = {n | (e << 31): o for o, (n, e) in names.items()}
    config = WindowConfig(window_size=50, stride=30)
    before = build_graphs(traffic, config, learn_profile([benign]))
    after = build_graphs(renamed(traffic, names), config, learn_profile([renamed(benign, names)]))
    np.testing.assert_array_equal(before.window, after.window)
    same = dict(zip(both, both, strict=True))
    for one, other in zip(by_old_name(before, same), by_old_name(after, old), strict=True):
        np.testing.assert_array_equal(one, other)
