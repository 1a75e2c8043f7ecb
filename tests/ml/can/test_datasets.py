import json
from pathlib import Path

import can
import numpy as np
import pytest

from ml.can.datasets import DATASETS, Dataset, dataset_names, find_dataset, load_capture
from ml.can.frames import Frames
from ml.can.manifest import facts_from_name
from ml.can.readers import read_beginning, read_log
from ml.can.writers import write_log
from ml.errors import InvalidInput, NotFound

TRAIN, TEST = "train_01_attack_free", "test_01_known_vehicle_known_attack"


def put(root: Path, name: str, content: str = "", *, size: int = 1) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"({i}.0) can0 123#{i:02X}" for i in range(size)]
    path.write_text(content or "\n".join([*lines, f"(9.0) can0 7FF#{abs(hash(name)) % 255:02X}"]))
    return path


def names(dataset: Dataset) -> list[str]:
    return [c.name for c in dataset.captures]


def test_a_dataset_is_a_folder_of_split_folders_of_captures_in_any_format(tmp_path: Path) -> None:
    put(tmp_path, f"mine/{TRAIN}/normal-van.log")
    put(tmp_path, f"mine/{TEST}/DoS-van.csv", "1.0,1E5,00,1\n")
    put(tmp_path, f"mine/{TEST}/README.txt", "about")
    put(tmp_path, f"mine/{TEST}/.hidden.log")
    put(tmp_path, "mine/notes/other.log")
    dataset = find_dataset("mine", [tmp_path])
    assert names(dataset) == [f"mine/{TEST}/DoS-van.csv", f"mine/{TRAIN}/normal-van.log"]
    assert [c.name for c in dataset.train] == [f"mine/{TRAIN}/normal-van.log"]
    assert list(dataset.splits) == [TEST, TRAIN]
    assert {(c.vehicle, c.attack) for c in dataset.captures} == {("van", None), ("van", "DoS")}


def test_the_first_data_directory_that_has_the_name_wins(tmp_path: Path) -> None:
    put(tmp_path / "a", f"mine/{TRAIN}/normal-a.log")
    put(tmp_path / "b", f"mine/{TRAIN}/normal-b.log")
    dataset = find_dataset("mine", [tmp_path / "gone", tmp_path / "a", tmp_path / "b"])
    assert names(dataset) == [f"mine/{TRAIN}/normal-a.log"]


def test_several_datasets_are_combined_and_stay_distinguishable(tmp_path: Path) -> None:
    put(tmp_path, f"one/{TRAIN}/normal.log", "(1.0) can0 001#\n")
    put(tmp_path, f"two/{TRAIN}/normal.log", "(1.0) can0 002#\n")
    dataset = find_dataset("one, two,one", [tmp_path])
    assert dataset.name == "one,two"
    assert names(dataset) == [f"one/{TRAIN}/normal.log", f"two/{TRAIN}/normal.log"]
    assert [c.vehicle for c in dataset.captures] == ["one", "two"]


def test_a_manifest_in_the_folder_wins_over_the_data_directory_and_the_name(tmp_path: Path) -> None:
    put(tmp_path, f"mine/{TRAIN}/a.log")
    put(tmp_path, f"mine/{TRAIN}/b.log")
    put(tmp_path, f"mine/{TEST}/c-suv.log")
    outer = [
        {"path": f"mine/{TRAIN}/{name}.log", "split": TRAIN, "vehicle": "bus", "attack": "replay"}
        for name in ("a", "b")
    ]
    inner = [{"path": f"{TRAIN}/a.log", "split": TRAIN, "vehicle": "car", "attack": "attack-free"}]
    (tmp_path / "MANIFEST.json").write_text(json.dumps(outer))
    (tmp_path / "mine" / "MANIFEST.json").write_text(json.dumps(inner))
    facts = [(c.vehicle, c.attack) for c in find_dataset("mine", [tmp_path]).captures]
    assert facts == [("suv", "c"), ("car", None), ("bus", "replay")]


@pytest.mark.parametrize("content", ["not json", '{"path": 1}', '[{"path": "x"}]'])
def test_a_broken_manifest_is_named(tmp_path: Path, content: str) -> None:
    put(tmp_path, f"mine/{TRAIN}/a.log")
    (tmp_path / "MANIFEST.json").write_text(content)
    with pytest.raises(InvalidInput, match=r"MANIFEST\.json is no manifest"):
        find_dataset("mine", [tmp_path])


@pytest.mark.parametrize(
    ("name", "vehicle", "attack"),
    [
        ("DoS-kia.parquet", "kia", "DoS"),
        ("rpm-accessory-1.csv", "here", "rpm-accessory"),
        ("attack-free-kia.parquet", "kia", None),
        ("attack-free.csv", "here", None),
        ("accessory-2.csv", "here", None),
        ("normal_run_data.txt", "here", None),
        ("DoS_dataset.csv", "here", "DoS"),
        ("benign-van.log", "van", None),
        ("standstill-4.parquet", "here", "standstill"),
        ("replay.csv", "here", "replay"),
        ("drive1.csv", "here", "drive"),
        ("city_drive_02.csv", "here", "city_drive"),
        ("2024.csv", "here", "unnamed"),
        ("-1.csv", "here", "unnamed"),
        ("train_01_attack_free/drive1.parquet", "here", None),
        ("train_01_attack_free/city-van.log", "van", None),
        ("train_01_attack_free/city-3.log", "here", None),
        ("train_01_attack_free/DoS-van.log", "van", "DoS"),
        ("train_01_attack_free/rpm_2.log", "here", "rpm"),
        ("train_02_with_attacks/drive2.parquet", "here", "drive"),
        ("test_normal/drive2.parquet", "here", None),
    ],
)
def test_vehicle_and_attack_are_read_off_the_names_of_file_and_split(
    name: str, vehicle: str, attack: str | None
) -> None:
    facts = facts_from_name(Path(name), "here")
    assert (facts.vehicle, facts.attack) == (vehicle, attack)


def test_a_capture_in_train_and_test_is_kept_for_the_test_only(tmp_path: Path) -> None:
    put(tmp_path, f"mine/{TRAIN}/DoS-a.log", "(1.0) can0 001#\n")
    put(tmp_path, f"mine/{TEST}/DoS-b.log", "(1.0) can0 001#\n")
    put(tmp_path, f"mine/{TRAIN}/DoS-c.log", "(1.0) can0 003#\n")
    put(tmp_path, f"mine/{TRAIN}/DoS-d.log", "(1.0) can0 003#\n")
    dataset = find_dataset("mine", [tmp_path])
    assert names(dataset) == [f"mine/{TEST}/DoS-b.log", f"mine/{TRAIN}/DoS-c.log"]
    assert dataset.repeats == (
        (f"mine/{TRAIN}/DoS-a.log", f"mine/{TEST}/DoS-b.log"),
        (f"mine/{TRAIN}/DoS-d.log", f"mine/{TRAIN}/DoS-c.log"),
    )


FRAMES = Frames(
    timestamp=np.arange(500) / 7,
    can_id=np.arange(500, dtype=np.uint32),
    flags=np.zeros(500, np.uint8),
    length=np.full(500, 2, np.uint8),
    payload=np.pad(
        np.arange(1000, dtype=np.uint16).astype(np.uint8).reshape(500, 2), ((0, 0), (0, 6))
    ),
    label=np.zeros(500, np.uint8),
)


@pytest.mark.parametrize("suffix", [".log", ".arrow", ".csv"])
def test_a_copy_in_another_format_is_a_repeat_and_another_drive_is_none(
    tmp_path: Path, suffix: str
) -> None:
    copy = tmp_path / "mine" / TEST / f"DoS-b{suffix}"
    write_log(FRAMES, tmp_path / "mine" / TRAIN / "DoS-a.parquet")
    # It begins alike and ends otherwise.
    write_log(FRAMES[:400], tmp_path / "mine" / TRAIN / "DoS-c.parquet")
    if suffix == ".csv":
        copy.parent.mkdir(parents=True)
        rows = zip(FRAMES.timestamp, FRAMES.can_id, FRAMES.payload, strict=True)
        copy.write_text("".join(f"{t:.6f},{i:X},{p[:2].tobytes().hex()},0\n" for t, i, p in rows))
    else:
        write_log(FRAMES, copy)
    dataset = find_dataset("mine", [tmp_path])
    assert dataset.repeats == ((f"mine/{TRAIN}/DoS-a.parquet", f"mine/{TEST}/DoS-b{suffix}"),)
    assert names(dataset)[1:] == [f"mine/{TRAIN}/DoS-c.parquet"]


def test_files_that_cannot_be_read_are_repeats_only_of_equal_ones(tmp_path: Path) -> None:
    for name in ("DoS-a.log", "DoS-b.csv", "DoS-c.parquet", "DoS-d.mf4", "DoS-e.blf"):
        put(tmp_path, f"mine/{TRAIN}/{name}", "nonsense" if name < "DoS-c" else name)
    assert find_dataset("mine", [tmp_path]).repeats == (
        (f"mine/{TRAIN}/DoS-b.csv", f"mine/{TRAIN}/DoS-a.log"),
    )


def test_looking_without_comparing_takes_every_file_for_a_capture(tmp_path: Path) -> None:
    path = put(tmp_path, f"mine/{TRAIN}/DoS-a.log")
    (path.parent / "DoS-b.log").hardlink_to(path)
    assert len(find_dataset("mine", [tmp_path], deduplicate=False).captures) == 2
    assert len(find_dataset("mine", [tmp_path]).captures) == 1


@pytest.mark.parametrize("suffix", [".log", ".parquet", ".asc", ".blf"])
def test_the_beginning_of_a_log_is_read_in_any_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"drive{suffix}"
    frames = FRAMES if suffix in {".asc", ".blf"} else Frames.concat([FRAMES] * 10)
    if suffix in {".asc", ".blf"}:
        with can.Logger(path) as logger:
            for t, i, p in zip(frames.timestamp, frames.can_id, frames.payload, strict=True):
                logger(can.Message(t, int(i), is_extended_id=False, data=p[:2].tobytes()))
    else:
        write_log(frames[np.argsort(frames.timestamp, kind="stable")], path)
    beginning = read_beginning(path)
    assert 100 <= len(beginning) < 4000
    assert (beginning.can_id[:100] == read_log(path).frames.can_id[:100]).all()


def test_the_digest_follows_content_names_and_facts(tmp_path: Path) -> None:
    path = put(tmp_path, f"mine/{TRAIN}/DoS-a.log", "(1.0) can0 001#\n")
    first = find_dataset("mine", [tmp_path]).digest
    assert find_dataset("mine", [tmp_path]).digest == first
    path.write_text("(1.0) can0 002#00\n")
    second = find_dataset("mine", [tmp_path]).digest
    path.rename(path.with_name("DoS-b.log"))
    assert len({first, second, find_dataset("mine", [tmp_path]).digest}) == 3


def test_an_unknown_name_says_which_there_are(tmp_path: Path) -> None:
    put(tmp_path, f"mine/{TRAIN}/DoS-a.log")
    (tmp_path / "empty").mkdir()
    assert dataset_names([tmp_path, tmp_path / "gone"]) == ["mine"]
    with pytest.raises(NotFound, match="There are: mine"):
        find_dataset("yours", [tmp_path])
    with pytest.raises(NotFound, match="no datasets"):
        find_dataset("yours", [])


@pytest.mark.parametrize(
    "name", ["", "..", "a/b", "../mine", "/etc", "mine,", ".git", "a\0", "a..b"]
)
def test_a_name_that_could_leave_the_data_directory_is_refused(tmp_path: Path, name: str) -> None:
    put(tmp_path, f"mine/{TRAIN}/DoS-a.log")
    with pytest.raises(InvalidInput, match="no dataset name"):
        find_dataset(name, [tmp_path])


def test_a_dataset_without_the_needed_splits_is_refused(tmp_path: Path) -> None:
    put(tmp_path, f"mine/{TEST}/DoS-a.log")
    with pytest.raises(InvalidInput, match=r"no captures in a train_\* split"):
        find_dataset("mine", [tmp_path])
    assert len(find_dataset("mine", [tmp_path], needs=["test"]).test) == 1


def test_attack_free_captures_without_labels_are_labelled_benign(tmp_path: Path) -> None:
    put(tmp_path, f"mine/{TRAIN}/normal-van.log", size=3)
    put(tmp_path, f"mine/{TRAIN}/DoS-van.log", size=2)
    attacked, benign = (load_capture(c) for c in find_dataset("mine", [tmp_path]).captures)
    assert attacked.frames.label is None
    assert np.array_equal(benign.frames.label, np.zeros(4, np.uint8))


def test_the_published_datasets_are_known_by_name() -> None:
    assert set(DATASETS) == {"hcrl_sa", "hcrl_ch", "set_01", "set_02", "set_03", "set_04"}
    assert all(any(s.startswith("train_") for s in d.splits) for d in DATASETS.values())
