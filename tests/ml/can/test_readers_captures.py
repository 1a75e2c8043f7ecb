from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from ml.can.datasets import dataset_names, find_dataset, load_capture
from ml.can.frames import Frames
from ml.can.readers import read_log

pytestmark = pytest.mark.captures
NATIVE = {
    "can_train_and_test__DoS-1.csv": ("can-train-and-test", 90_169),
    "candump_compact__benign.log": ("candump", 23_963),
    "candump_padded__j1939_fuzz.log": ("candump-padded", 28_596),
    "otids_style__a1.txt": ("hcrl-text", 2_001),
}


@pytest.mark.parametrize("name", NATIVE)
def test_each_native_log_has_no_bad_line(captures_dir: Path, name: str) -> None:
    report = read_log(captures_dir / "native" / name).report
    assert (report.format, report.lines) == NATIVE[name]
    assert report.dropped == 0


def test_a_csv_log_and_its_parquet_twin_are_the_same_frame_for_frame(captures_dir: Path) -> None:
    csv = read_log(captures_dir / "native/can_train_and_test__DoS-1.csv").frames
    twin = read_log(captures_dir / "set_01/train_02_with_attacks/DoS-1.parquet").frames
    for column in fields(Frames):
        assert np.array_equal(getattr(csv, column.name), getattr(twin, column.name)), column.name


def test_every_capture_reads_without_a_bad_row(captures_dir: Path) -> None:
    names = dataset_names([captures_dir])
    dataset = find_dataset(",".join(names), [captures_dir])
    total = 0
    for capture in dataset.captures:
        log = load_capture(capture)
        assert log.report.dropped == 0, capture.name
        assert (np.diff(log.frames.timestamp) >= 0).all()
        assert log.frames.label is not None
        assert capture.attack is not None or not log.frames.label.any()
        total += len(log.frames)
    assert total > 7_000_000


def test_facts_come_from_the_manifest_of_the_data_directory(captures_dir: Path) -> None:
    dataset = find_dataset("hcrl_sa,set_01", [captures_dir])
    facts = {c.name: (c.vehicle, c.attack) for c in dataset.captures}
    assert facts["hcrl_sa/train_02_with_attacks/DoS-kia.parquet"] == ("kia", "DoS")
    assert facts["set_01/train_01_attack_free/accessory-1.parquet"] == ("ct_a", None)
    assert len(dataset.train) + len(dataset.test) == len(dataset.captures) == 15
