from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.can.frames import Flag, Frames
from ml.can.windows import WindowConfig
from ml.evaluation import leakage
from ml.evaluation.leakage import TrainingTraffic
from ml.evaluation.traffic_runs import RUN

WINDOW = WindowConfig(window_size=100, stride=100)


def drive(seed: int, frames: int = 1000) -> Frames:
    generator = np.random.default_rng(seed)
    return Frames(
        timestamp=np.arange(frames) / 1000,
        can_id=generator.integers(0, 50, frames).astype(np.uint32),
        flags=np.zeros(frames, np.uint8),
        length=np.full(frames, 8, np.uint8),
        payload=generator.integers(0, 256, (frames, 8)).astype(np.uint8),
        label=np.zeros(frames, np.uint8),
    )


def attacked(frames: Frames, every: int) -> Frames:
    """The same drive with a frame added after each `every` frames."""
    places = np.arange(every, len(frames), every)
    added = replace(
        frames[places],
        can_id=np.zeros(len(places), np.uint32),
        label=np.ones_like(places, np.uint8),
    )
    order = np.argsort(np.concatenate([np.arange(len(frames)), places - 0.5]), kind="stable")
    return Frames.concat([frames, added])[order]


def test_another_drive_shares_nothing():
    traffic = TrainingTraffic.of([("train/a", drive(0))])
    overlap = traffic.overlap(drive(1))
    assert (overlap.share, overlap.most, overlap.most_share) == (0.0, None, 0.0)
    assert not traffic.windows(drive(1), WINDOW).any()


@pytest.mark.parametrize("every", [2, 7, 100])
def test_a_drive_is_known_again_whatever_was_added_to_it(every):
    traffic = TrainingTraffic.of([("train/other", drive(1)), ("train/base", drive(0))])
    test = attacked(drive(0), every)
    overlap = traffic.overlap(test)
    assert (overlap.share, overlap.most, overlap.most_share) == (1.0, "train/base", 1.0)
    assert traffic.windows(test, WINDOW).all()


def test_other_times_of_the_same_frames_do_not_hide_them():
    later = replace(drive(0), timestamp=drive(0).timestamp * 1.1 + 5)
    assert TrainingTraffic.of([("train/a", drive(0))]).overlap(later).share == 1.0


def test_the_part_that_is_shared_is_found_and_its_windows_are_marked():
    test = Frames.concat([drive(1, 500), drive(0, 1000)[200:700]])
    traffic = TrainingTraffic.of([("train/a", drive(0))])
    runs = 1000 - RUN + 1
    assert traffic.overlap(test).share == pytest.approx((500 - RUN + 1) / runs)
    assert traffic.windows(test, WINDOW).tolist() == [False] * 5 + [True] * 5


def test_attack_frames_of_training_captures_are_not_looked_for():
    training = replace(drive(0), label=np.ones(1000, np.uint8))
    assert TrainingTraffic.of([("train/a", training)]).overlap(drive(0)).share == 0.0


def test_error_reports_and_the_width_of_the_payload_do_not_hide_a_drive():
    base = drive(0)
    wide = replace(base, payload=np.pad(base.payload, ((0, 0), (0, 56))))
    reports = replace(drive(3, 10), flags=np.full(10, Flag.ERROR, np.uint8))
    noisy = Frames.concat([base[:300], reports, base[300:]])
    traffic = TrainingTraffic.of([("train/a", wide)])
    assert traffic.overlap(noisy).share == 1.0
    assert len(traffic.windows(noisy, WINDOW)) == 10


def test_a_length_an_id_or_a_bit_tells_frames_apart():
    base = drive(0)
    traffic = TrainingTraffic.of([("train/a", base)])
    flipped = base.payload.copy()
    flipped[::RUN, 7] ^= 1
    assert traffic.overlap(replace(base, length=np.full(1000, 7, np.uint8))).share == 0.0
    assert traffic.overlap(replace(base, can_id=base.can_id + 1)).share == 0.0
    assert traffic.overlap(replace(base, payload=flipped)).share == 0.0


def test_traffic_shorter_than_a_run_has_no_share():
    traffic = TrainingTraffic.of([("train/a", drive(0))])
    assert traffic.overlap(drive(0)[: RUN - 1]).share is None


def test_nothing_is_shared_with_no_training_captures():
    traffic = TrainingTraffic.of([])
    assert traffic.overlap(drive(0)).share == 0.0
    assert not traffic.windows(drive(0), WINDOW).any()


def test_an_index_of_bounded_size_still_finds_the_drive(monkeypatch):
    monkeypatch.setattr(leakage, "MOST_RUNS", 400)
    traffic = TrainingTraffic.of([(f"train/{n}", drive(n)) for n in range(4)])
    assert len(traffic.runs) <= 400
    assert traffic.every > 1
    assert traffic.overlap(drive(2)).share == 1.0
    assert traffic.overlap(drive(9)).share == 0.0
    assert traffic.windows(drive(2), WINDOW).all()


@settings(max_examples=20)
@given(st.integers(0, 900), st.integers(1, 100))
def test_a_capture_shares_everything_with_what_contains_it(start, more):
    part = drive(0)[start : start + RUN + more]
    overlap = TrainingTraffic.of([("train/a", drive(0))]).overlap(part)
    assert overlap.share in (None, 1.0)
