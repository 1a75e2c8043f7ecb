"""A little dirt in an enrolment does no harm, and much of it, or too little traffic, is found."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from frame_strategies import any_traffic
from hypothesis import Phase, given, settings

from ml.can.features import NODE_FEATURES
from ml.can.frames import Frames
from ml.can.graphs import build_graphs
from ml.can.profiles import learn_profile, review_enrolment
from ml.can.profiles.dirt import without_dirt
from ml.can.readers import read_log
from ml.can.simulation import SimulationConfig, record
from ml.can.windows import WindowConfig
from ml.errors import InvalidInput

CAR = SimulationConfig(seconds=12)
KINDS = ("fuzzing", "malfunction", "flood")


@pytest.fixture(scope="module")
def drive() -> Frames:
    return record(CAR, "train", "alder", None).frames


def codes(*segments: Frames) -> dict[str, str]:
    """Severity of each finding by its code."""
    found = review_enrolment(segments, learn_profile(segments))
    return {f.code: f.severity for f in found}


def fastest(frames: Frames) -> int:
    ids, counts = np.unique(frames.can_id, return_counts=True)
    return int(ids[np.argmax(counts)])


def with_injected(frames: Frames, kind: str, count: int, seed: int = 0) -> Frames:
    """The frames and some of an attack, at random times over all of them; labelled."""
    rng = np.random.default_rng(seed)
    begin, end = frames.timestamp[[0, -1]]
    payload = rng.integers(0, 256, (count, 8), dtype=np.uint8)
    known, times = np.unique(frames.can_id, return_counts=True)
    ids = rng.choice(known[times >= 100], count)
    time = np.sort(rng.uniform(begin, end, count))
    if kind == "malfunction":
        ids, payload = np.full(count, fastest(frames)), np.tile(payload[0], (count, 1))
    if kind == "flood":
        ids, payload = np.zeros(count), np.zeros((count, 8), np.uint8)
        time = time[0] + np.arange(count) * 3e-4
    if kind == "random ids":
        ids = rng.choice(2**11, count, replace=False)
    injected = Frames(
        timestamp=time,
        can_id=ids.astype(np.uint32),
        flags=np.zeros(count, np.uint8),
        length=np.full(count, 8, np.uint8),
        payload=payload,
        label=np.ones(count, np.uint8),
    )
    benign = replace(frames, label=np.zeros(len(frames), np.uint8))
    return Frames.concat([benign, injected]).in_time_order()[0]


def test_twelve_seconds_of_driving_are_nothing_to_refuse(drive):
    assert set(codes(drive).values()) <= {"warning"}


def test_a_short_enrolment_is_warned_of_and_less_than_a_second_refused(drive):
    assert codes(drive[: len(drive) // 2])["too-short"] == "warning"
    assert codes(drive[:500])["too-short"] == "refusal"
    assert "too-short" not in codes(drive)


def test_one_state_only_and_a_state_that_comes_late_are_told_apart(drive):
    parked = replace(drive, payload=np.zeros_like(drive.payload))
    half = len(drive) // 2
    assert codes(parked)["one-state"] == "warning"
    starting = drive.payload.copy()
    starting[:half] = 0
    assert codes(replace(drive, payload=starting))["still-changing"] == "warning"


@pytest.mark.parametrize(
    ("kind", "count", "code"),
    [
        ("flood", 3000, "flood"),
        ("malfunction", 3000, "bursts"),
        ("random ids", 300, "random-ids"),
        ("fuzzing", 200, "ignored-frames"),
    ],
)
def test_an_enrolment_under_attack_is_refused(drive, kind, count, code):
    assert codes(with_injected(drive, kind, count))[code] == "refusal"


def test_each_finding_says_what_was_found_and_what_to_do(drive):
    dirty = with_injected(drive[:2000], "flood", 500)
    for finding in review_enrolment([dirty], learn_profile([dirty])):
        assert finding.detail.endswith(".")
        assert finding.fix.endswith(".")


def test_the_id_of_a_flood_is_named(drive):
    dirty = with_injected(drive, "flood", 3000)
    details = [f.detail for f in review_enrolment([dirty], learn_profile([dirty]))]
    assert any(d.startswith("Id 0x0 came") for d in details)


@pytest.mark.parametrize("kind", KINDS)
def test_a_little_dirt_is_left_out_and_nothing_else(drive, kind):
    dirty = with_injected(drive, kind, 5)
    (kept,) = without_dirt([dirty])
    assert kept.label.sum() <= 1
    assert (kept.label == 0).sum() == len(drive)
    assert codes(dirty)["ignored-frames"] == "warning"


@settings(max_examples=20, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(any_traffic())
def test_at_most_a_little_of_any_traffic_is_taken_for_dirt_and_any_can_be_reviewed(frames):
    (kept,) = without_dirt([frames])
    assert len(kept) > 0.9 * len(frames)
    review_enrolment([frames], learn_profile([frames]))


@pytest.mark.captures
class TestRealCaptures:
    """The public captures: nothing benign is refused, every attack is."""

    FUZZING = "hcrl_sa/test_01_known_vehicle_known_attack/fuzzing-kia"
    FLOOD = "hcrl_sa/train_02_with_attacks/DoS-kia"
    MALFUNCTION = "hcrl_sa/test_03_known_vehicle_unknown_attack/malfunction-kia"
    KIA = "hcrl_sa/train_01_attack_free/attack-free-kia"

    @staticmethod
    @cache
    def read(folder: Path, name: str) -> Frames:
        return read_log(folder / f"{name}.parquet").frames.in_time_order()[0]

    @staticmethod
    def stretch(frames: Frames, begin: float, seconds: float = 30) -> Frames:
        time = frames.timestamp - frames.timestamp[0]
        return frames[(time >= begin) & (time < begin + seconds)]

    def attack(self, folder: Path, name: str) -> Frames:
        frames = self.read(folder, name)
        first = frames.timestamp[frames.label == 1][0] - frames.timestamp[0]
        return self.stretch(frames, first)

    @pytest.mark.parametrize(
        "name",
        [
            KIA,
            "hcrl_sa/train_01_attack_free/attack-free-sonata",
            "set_01/train_01_attack_free/accessory-1",
        ],
    )
    def test_thirty_attack_free_seconds_are_taken(self, captures_dir, name):
        frames = self.stretch(self.read(captures_dir, name), 0)
        (kept,) = without_dirt([frames])
        assert len(kept) == len(frames)
        assert set(codes(frames)) <= {"one-state"}

    @pytest.mark.parametrize(("name", "code"), [(FLOOD, "flood"), (MALFUNCTION, "bursts")])
    def test_thirty_seconds_under_attack_are_refused(self, captures_dir, name, code):
        assert codes(self.attack(captures_dir, name))[code] == "refusal"

    def test_random_ids_do_not_even_make_a_profile(self, captures_dir):
        with pytest.raises(InvalidInput, match="2048 ids"):
            learn_profile([self.attack(captures_dir, self.FUZZING)])

    @pytest.mark.parametrize("kind", KINDS)
    def test_dirt_in_the_enrolment_hides_no_attack(self, captures_dir, kind):
        """Five injected frames of the attack itself, and the attack is as evident as before."""
        clean = self.stretch(self.read(captures_dir, self.KIA), 0)
        names = {"fuzzing": self.FUZZING, "malfunction": self.MALFUNCTION, "flood": self.FLOOD}
        attacked = self.attack(captures_dir, names[kind])
        found = [
            build_graphs(attacked, WindowConfig(), learn_profile([enrolled])).node
            for enrolled in (clean, with_injected(clean, kind, 5))
        ]
        for name in ("unknown", "early_with_trace_beyond_record", "value_surprise"):
            before, after = (node[:, NODE_FEATURES.index(name)] for node in found)
            assert (np.abs(before - after) > 0.5).mean() < 0.01, name
