import json
from hashlib import sha256

import pytest

from ml.can.readers import read_log
from ml.can.simulation import ATTACKS, SimulationConfig, simulate_dataset, validated
from ml.errors import Cancelled, Conflict, InvalidInput, Unavailable

CONFIG = SimulationConfig(name="small", seconds=5)
SPLITS = {
    "train_01_attack_free",
    "train_02_with_attacks",
    "test_01_known_vehicle_known_attack",
    "test_02_unknown_vehicle_known_attack",
    "test_03_known_vehicle_unknown_attack",
    "test_04_unknown_vehicle_unknown_attack",
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return simulate_dataset(CONFIG, tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def manifest(dataset):
    return json.loads((dataset / "MANIFEST.json").read_text())


def in_splits(manifest, start, key):
    return {row[key] for row in manifest if row["split"].startswith(start)}


def test_the_manifest_lists_every_file_with_its_digest(dataset, manifest):
    files = {p.relative_to(dataset).as_posix() for p in dataset.rglob("*.parquet")}
    assert {row["path"] for row in manifest} == files
    for row in manifest:
        assert row["sha256"] == sha256((dataset / row["path"]).read_bytes()).hexdigest()


def test_the_splits_are_those_of_the_real_datasets(manifest):
    assert in_splits(manifest, "", "split") == SPLITS


def test_files_are_named_by_attack_and_vehicle(manifest):
    for row in manifest:
        assert (
            row["path"]
            == f"{row['split']}/{row['attack'] or 'attack-free'}-{row['vehicle']}.parquet"
        )


def test_one_vehicle_occurs_in_test_splits_only(manifest):
    train, test = in_splits(manifest, "train_", "vehicle"), in_splits(manifest, "test_", "vehicle")
    assert test - train == {CONFIG.hidden_vehicle}
    assert len(train | test) >= 3


def test_one_attack_kind_occurs_in_test_splits_only(manifest):
    train, test = in_splits(manifest, "train_", "attack"), in_splits(manifest, "test_", "attack")
    assert test - train == {CONFIG.hidden_attack}
    assert test == set(ATTACKS)


def test_captures_read_back_as_the_manifest_says(dataset, manifest):
    for row in manifest:
        frames = read_log(dataset / row["path"]).frames
        assert (len(frames), int(frames.label.sum())) == (row["frames"], row["attack_frames"])
        assert bool(row["intervals"]) == (row["attack"] is not None)


def test_29_bit_identifiers_survive_the_file(dataset):
    frames = read_log(dataset / "train_01_attack_free/attack-free-birch.parquet").frames
    assert frames.extended.any()
    assert not frames.extended.all()


def test_the_same_config_gives_the_same_files(manifest, tmp_path):
    again = simulate_dataset(CONFIG, tmp_path)
    assert json.loads((again / "MANIFEST.json").read_text()) == manifest


def test_a_dataset_that_is_there_already_is_left_as_it_is(dataset):
    before = (dataset / "MANIFEST.json").stat().st_mtime_ns
    assert simulate_dataset(CONFIG, dataset.parent) == dataset
    assert (dataset / "MANIFEST.json").stat().st_mtime_ns == before


def test_a_folder_that_holds_something_else_is_refused_and_kept(tmp_path):
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "mine.txt").write_text("precious")
    with pytest.raises(Conflict, match="exists already"):
        simulate_dataset(CONFIG, tmp_path)
    assert [p.name for p in tmp_path.rglob("*.*")] == ["mine.txt"]


def test_a_data_directory_that_cannot_be_made_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be written"):
        simulate_dataset(CONFIG, tmp_path / "file" / "data")


def test_progress_goes_from_nothing_to_all(tmp_path):
    seen = []
    simulate_dataset(CONFIG, tmp_path, lambda fraction, message: seen.append((fraction, message)))
    fractions = [f for f, _ in seen]
    assert fractions[0] == 0
    assert fractions[-1] == 1
    assert fractions == sorted(fractions)
    assert all(message for _, message in seen)


def test_a_cancelled_simulation_leaves_nothing_behind(tmp_path):
    def cancel(fraction, _message):
        if fraction > 0.2:
            raise Cancelled("Stop.")

    with pytest.raises(Cancelled):
        simulate_dataset(CONFIG, tmp_path, cancel)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"seconds": 0}, "seconds"),
        ({"seconds": float("nan")}, "seconds"),
        ({"name": "../elsewhere"}, "name"),
        ({"seed": -1}, "seed"),
        ({"vehicles": ("alder",)}, "vehicles"),
        ({"vehicles": ("al-der", "cedar")}, "vehicles"),
        ({"vehicles": ("alder", "alder", "cedar")}, "twice"),
        ({"hidden_vehicle": "elm"}, "elm"),
        ({"hidden_attack": "phishing"}, "hidden_attack"),
        ({"bursts": 20, "seconds": 5}, "bursts"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_bad_config_is_refused_and_the_field_named(values, named):
    with pytest.raises(InvalidInput, match=named):
        validated(values)


def test_a_config_made_without_validation_is_checked_before_anything_is_written(tmp_path):
    with pytest.raises(InvalidInput, match="jitter"):
        simulate_dataset(SimulationConfig(jitter=5.0), tmp_path)
    assert list(tmp_path.iterdir()) == []
