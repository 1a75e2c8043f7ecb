"""Profiles of vehicles: what is learnt, what is refused, and that a forged file does no harm."""

from dataclasses import replace

import numpy as np
import pytest
from frame_strategies import a_profile, any_traffic
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from ml.can.features.payloads import checksums
from ml.can.frames import Flag, Frames
from ml.can.graphs import build_graphs
from ml.can.profiles import VehicleProfile, learn_profile
from ml.can.profiles.checks import parity_relations
from ml.can.profiles.profile import SCHEMA
from ml.can.simulation import SimulationConfig, record
from ml.can.windows import WindowConfig
from ml.errors import InvalidInput

CAR = SimulationConfig(seconds=6)


@pytest.fixture(scope="module")
def drive() -> Frames:
    return record(CAR, "train", "birch", None).frames


@pytest.fixture(scope="module")
def profile(drive) -> VehicleProfile:
    return learn_profile([drive])


def test_it_tells_how_much_it_was_learnt_from(drive, profile):
    assert profile.frames == len(drive)
    assert profile.seconds == drive.timestamp[-1] - drive.timestamp[0]
    assert profile.ids.tolist() == np.unique(drive.arbitration).tolist()
    places, known = profile.places(np.array([profile.ids[3], 0x7FE], np.uint32))
    assert places[0] == 3
    assert known.tolist() == [True, False]


def test_nothing_is_learnt_across_the_gap_between_two_segments(drive):
    """An hour between two segments changes no interval, step or transition."""
    first, second = drive[:3000], drive[3000:]
    later = replace(second, timestamp=second.timestamp + 3600)
    near, far = learn_profile([first, second]), learn_profile([first, later])
    np.testing.assert_allclose(near.intervals.one, far.intervals.one, atol=1e-9)
    np.testing.assert_array_equal(near.movement.surprise, far.movement.surprise)
    np.testing.assert_array_equal(near.transitions.seen, far.transitions.seen)
    assert far.seconds < 7
    assert far.intervals.one.max() < 6


def test_error_frames_are_no_part_of_it(drive, profile):
    flags = np.repeat(drive.flags, 2)
    flags[1::2] = Flag.ERROR
    doubled = replace(drive[np.repeat(np.arange(len(drive)), 2)], flags=flags)
    assert learn_profile([doubled]).version == profile.version


def test_too_little_traffic_is_refused_with_both_numbers(drive):
    with pytest.raises(InvalidInput, match="takes 200 frames, but there are only 199"):
        learn_profile([drive[:100], drive[100:199]])
    with pytest.raises(InvalidInput, match="only 0"):
        learn_profile([])


def test_more_ids_than_a_car_has_are_refused(drive):
    ids = np.arange(len(drive), dtype=np.uint32) % 2000
    with pytest.raises(InvalidInput, match="ids; a car has at most 1024"):
        learn_profile([replace(drive, can_id=ids)])


@pytest.mark.parametrize("parts", [200, 20, 3])
def test_any_number_of_segments_will_do(drive, parts):
    pieces = [drive[i : i + 1000 // parts] for i in range(0, 1000, 1000 // parts)]
    assert learn_profile(pieces).frames == sum(len(p) for p in pieces)


def test_a_checksum_is_found_and_a_counter_is_none():
    rng = np.random.default_rng(0)
    payload = rng.integers(0, 256, (500, 8), dtype=np.uint8)
    payload[:, 7] = np.bitwise_xor.reduce(payload[:, :7], axis=1) ^ 0x5A
    assert (checksums(payload)[:, 0] == 0x5A).all()
    counter = (np.arange(500) % 256).astype(np.uint8)
    frames = Frames(
        timestamp=np.arange(1000) / 200,
        can_id=np.tile(np.array([1, 2], np.uint32), 500),
        flags=np.zeros(1000, np.uint8),
        length=np.full(1000, 8, np.uint8),
        payload=np.stack([payload, np.repeat(counter[:, None], 8, axis=1)], axis=1).reshape(-1, 8),
    )
    checks = learn_profile([frames]).checks
    assert (checks.checksum[0], checks.residue[0]) == (0, 0x5A)
    # Eight equal bytes: 56 pairs of bits are always equal. One checksum byte: 8 relations.
    assert checks.relations.tolist() == [8, 56]


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=80))
@settings(max_examples=50)
def test_every_word_keeps_the_relations_found_among_them(numbers):
    words = np.array(numbers, np.uint64)
    masks, parities, rank = parity_relations(words)
    assert len(masks) == 64 - rank
    odd = np.bitwise_count(masks & words[:, None]) & 1
    assert (odd == parities).all()


@settings(max_examples=20, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(any_traffic())
def test_what_was_saved_is_loaded(tmp_path_factory, frames):
    path = tmp_path_factory.mktemp("profile") / "car.safetensors"
    profile = learn_profile([frames])
    profile.save(path)
    loaded = VehicleProfile.load(path)
    assert loaded.version == profile.version
    config = WindowConfig(window_size=50, stride=50)
    one, other = (build_graphs(frames, config, p) for p in (profile, loaded))
    np.testing.assert_array_equal(one.node, other.node)


def test_the_version_tells_contents_apart(drive, profile):
    assert learn_profile([drive]).version == profile.version
    assert learn_profile([drive[:-1]]).version != profile.version
    assert len(profile.version) == 16


class TestForged:
    """A file that is no profile, or one that was tampered with, is refused by name."""

    @pytest.fixture
    def path(self, tmp_path, profile):
        path = tmp_path / "car.safetensors"
        profile.save(path)
        return path

    def refused(self, path, match):
        with pytest.raises(InvalidInput, match=match):
            VehicleProfile.load(path)

    def forge(self, path, schema=SCHEMA, **changed):
        arrays = load_file(path)
        for name, array in changed.items():
            arrays[name.replace("__", ".")] = array
        save_file({k: v for k, v in arrays.items() if v is not None}, path, {"schema": schema})

    def test_another_schema(self, path):
        self.forge(path, schema="0")
        self.refused(path, "schema 0")

    def test_no_profile_at_all(self, path):
        self.refused(path.parent / "absent", "absent is no vehicle profile")
        for content in (b"", b"x" * 100, b"\xff" * 8 + b"{}"):
            path.write_bytes(content)
            self.refused(path, "no vehicle profile")

    def test_half_a_file(self, path):
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        self.refused(path, "no vehicle profile")

    def test_a_missing_table(self, path):
        self.forge(path, intervals__period=None)
        self.refused(path, "`intervals.period` is missing")

    def test_a_table_of_another_shape_or_type(self, path, profile):
        self.forge(path, intervals__period=profile.intervals.period[:-1])
        self.refused(path, r"`intervals.period` has the shape")
        self.forge(path, intervals__period=profile.intervals.period.astype(np.float32))
        self.refused(path, "float32 instead of float64")
        self.forge(path, intervals__period=profile.intervals.period[:, None])
        self.refused(path, "2 dimensions instead of 1")

    @pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 0.0])
    def test_a_period_that_cannot_be(self, path, profile, value):
        period = profile.intervals.period.copy()
        period[0] = value
        self.forge(path, intervals__period=period)
        self.refused(path, r"`intervals.period` holds a value")

    @pytest.mark.parametrize(
        ("table", "value"),
        [
            ("companions__place", 10**6),
            ("companions__place", -2),
            ("checks__relations", 65),
            ("checks__checksum", 1000),
            ("transitions__seen", 2**40),
            ("movement__most_flips", 65),
            ("frames_of_id", 2**62),
        ],
    )
    def test_an_index_out_of_range(self, path, table, value):
        array = load_file(path)[table.replace("__", ".")].copy()
        array.reshape(-1)[-1] = value
        self.forge(path, **{table: array})
        self.refused(path, "no vehicle profile")

    def test_ids_out_of_order(self, path, profile):
        self.forge(path, ids=profile.ids[::-1].copy())
        self.refused(path, "`ids` is not in ascending order")

    def test_no_ids(self, path):
        empty = {k.replace(".", "__"): v[:0] for k, v in load_file(path).items() if k != "span"}
        self.forge(path, **empty)
        self.refused(path, "no vehicle profile|0 ids")


@settings(max_examples=40, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(st.data())
def test_a_forged_profile_that_is_not_refused_still_gives_finite_features(
    tmp_path_factory, drive, data
):
    """Any table filled with any one value: either it is refused, or scoring goes on as always."""
    path = tmp_path_factory.mktemp("forged") / "car.safetensors"
    a_profile(ids=tuple(int(i) for i in np.unique(drive.can_id)[:3])).save(path)
    arrays = load_file(path)
    name = data.draw(st.sampled_from(sorted(arrays)))
    kind = arrays[name].dtype
    if kind.kind == "f":
        value = data.draw(st.sampled_from([0.0, 1e-300, 1.0, 30.0, 1e6, 1e308, np.nan]))
        value = np.float32(min(value, 3e38)) if kind == np.float32 else value
    elif kind.kind == "b":
        value = data.draw(st.booleans())
    else:
        value = data.draw(st.integers(np.iinfo(kind).min, np.iinfo(kind).max))
    arrays[name] = np.full_like(arrays[name], value)
    save_file(arrays, path, {"schema": SCHEMA})
    try:
        forged = VehicleProfile.load(path)
    except InvalidInput:
        return
    graphs = build_graphs(drive[:600], WindowConfig(window_size=50, stride=50), forged)
    for values in (graphs.node, graphs.edge, graphs.window):
        assert np.isfinite(values).all(), name
