"""Each gets one line that says what is wrong and what to do, and leaves nothing half-written."""

import json
import shutil

import numpy as np
import pytest

from ml.can.frames import Frames
from ml.can.writers import write_log


def traffic(count=400, label=None):
    return Frames(
        timestamp=np.arange(count) / 1000,
        can_id=(np.arange(count) % 7).astype(np.uint32),
        flags=np.zeros(count, np.uint8),
        length=np.full(count, 8, np.uint8),
        payload=np.zeros((count, 8), np.uint8),
        label=None if label is None else np.full(count, label, np.uint8),
    )


def untouched(cli):
    """Whether nothing was written but a folder that other runs need, too."""
    files = [p for p in cli.home.rglob("*") if p.is_file() and "data" not in p.parts]
    return not files and not any(cli.home.glob("jobs/*"))


@pytest.mark.parametrize(
    ("words", "wrong", "remedy"),
    [
        ("train fusion --dataset nowhere", "no dataset nowhere", "tiny"),
        ("train fusion --dataset ../tiny", "no dataset name", "Name folders"),
        ("train fusion --preset fusion_moon", "no fusion preset 'fusion_moon'", "fusion_hcrl_sa"),
        ("train fusion", "No dataset is named", "--preset"),
        ("train fusion --dataset tiny agent.reward=luck", "no reward 'luck'", "accuracy"),
        ("train fusion --dataset tiny agent.reward=no.where:f", "no.where:f", "package.module"),
        ("train fusion --dataset tiny agent.speed=9", "agent.speed", "Correct"),
        ("train fusion --dataset tiny agent.gamma=2", "agent.gamma", "less than 1"),
        ("train fusion --dataset tiny --epochs 0", "training.max_epochs", "greater than"),
        ("train fusion --dataset tiny fast", "'fast' is no setting", "key=value"),
        ("train fusion --dataset tiny --experts none", "no release 'none'", "canfuse"),
        ("train experts --dataset tiny experts.release=none", "trains experts", "Leave out"),
        ("train fusion --resume last", "no earlier fusion run", "without --resume"),
        ("train fusion --resume there", "there is not the folder of a run", "last"),
        ("evaluate --dataset tiny", "no release 'production'", "canfuse train fusion"),
        ("evaluate --dataset nowhere", "no dataset nowhere", "tiny"),
        ("protocol --dataset nowhere", "no dataset nowhere", "tiny"),
        ("protocol --dataset tiny --family cars", "families", "Correct"),
        ("protocol --dataset tiny --resume last", "no earlier protocol run", "without --resume"),
        ("cache build --dataset nowhere", "no dataset nowhere", "tiny"),
        ("cache clear nowhere", "no cache of nowhere", "canfuse cache info"),
        ("presets moon", "no preset 'moon'", "canfuse presets"),
        ("data info nowhere", "no dataset nowhere", "tiny"),
        ("data info nowhere.csv", "no file nowhere.csv", "path"),
        ("data simulate bursts=99", "bursts", "less than"),
        ("data simulate speed=9", "speed", "Correct"),
        ("score nowhere.log", "no file nowhere.log", "path"),
        ("score x --json --csv", "exclude each other", "one of them"),
        ("score x --explain --csv", "exclude each other", "--json"),
        ("score x --explain --output x.csv", "exclude each other", "--json"),
        ("releases show", "no release 'production'", "canfuse train"),
        ("releases show UP/..", "names no release", "lower-case"),
        ("releases alias production beef", "no release 'beef'", "canfuse train"),
        ("jobs list --url http://127.0.0.1:9", "No service answers", "canfuse up"),
        ("jobs list --url nonsense", "no address", "http://"),
    ],
)
def test_it_is_refused(cli, monkeypatch, tiny_data_dir, words, wrong, remedy):
    monkeypatch.setenv("CANFUSE_DATA_DIRS", str(tiny_data_dir))
    assert cli(*words.split()) in (1, 2)
    assert wrong in cli.error
    assert remedy in cli.error
    assert cli.out == ""
    assert untouched(cli)


@pytest.mark.parametrize(
    ("split", "wrong"),
    [
        ({"train_01": 0}, "hold no attack"),
        ({"train_01": 1}, "no 1 s of benign traffic"),
        ({"test_01": 1}, "no captures in a train_* split"),
        ({}, "no captures in a train_* split"),
    ],
)
def test_a_dataset_that_cannot_teach_is_refused(cli, tmp_path, split, wrong):
    folder = tmp_path / "home" / "data" / "odd"
    folder.mkdir(parents=True)
    for name, label in split.items():
        for car in ("elm", "fir"):
            frames = traffic(3000 + len(car) * label, label)
            write_log(frames, folder / name / f"{'DoS' if label else 'normal'}-{car}.parquet")
    assert cli("train", "fusion", "--dataset", "odd") == 2
    assert wrong in cli.error
    assert untouched(cli)


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (b"", "empty"),
        (bytes(range(256)) * 9, "no known log format"),
        (b"PAR1" + bytes(300), "broken.log"),
        (b"(1.0) can0 123#00\n(1.1) can0 123#0", ":2"),
        (b"(1.0) can0 123#00\n1.1,0x123,8,00,R\n", ":2"),
    ],
    ids=["empty", "garbage", "broken table", "truncated", "mixed"],
)
def test_a_log_that_cannot_be_read_is_refused(trained, tmp_path, content, wrong):
    log = tmp_path / "broken.log"
    log.write_bytes(content)
    target = tmp_path / "new" / "out.parquet"
    for words in (["score", log], ["data", "info", log], ["data", "convert", log, target]):
        assert trained(*words) == 2
        assert wrong in trained.error
    assert [path.name for path in tmp_path.iterdir()] == ["broken.log"]


def test_a_capture_shorter_than_a_window_is_refused(trained, tmp_path):
    log = write_log(traffic(30), tmp_path / "short.parquet")
    assert trained("score", log) == 2
    assert "30" in trained.error


def test_scoring_before_any_release_says_what_to_do(cli, tmp_path):
    log = write_log(traffic(), tmp_path / "log.parquet")
    assert cli("score", log, "-o", tmp_path / "scores.json") == 2
    assert "no release 'production'" in cli.error
    assert "canfuse train fusion" in cli.error
    assert not (tmp_path / "scores.json").exists()


def test_a_release_of_a_newer_version_is_refused(cli, tiny_release_store, tmp_path):
    version = tiny_release_store.resolve("production")
    folder = tmp_path / "newer" / "releases" / version
    shutil.copytree(tiny_release_store.path(version), folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "schema_version": 99}))
    log = write_log(traffic(), tmp_path / "log.parquet")
    assert cli("score", log, "--release", version, "--home", tmp_path / "newer") == 2
    assert "Upgrade canfuse" in cli.error


def test_a_target_that_exists_is_not_overwritten_unasked(cli, tmp_path):
    log = write_log(traffic(), tmp_path / "log.parquet")
    target = tmp_path / "kept.log"
    target.write_text("mine")
    assert cli("data", "convert", log, target) == 1
    assert "--force" in cli.error
    assert target.read_text() == "mine"
    assert cli("data", "convert", log, target, "--force") == 0
    assert target.read_text().startswith("(")


def test_an_unknown_target_format_is_refused(cli, tmp_path):
    log = write_log(traffic(), tmp_path / "log.parquet")
    assert cli("data", "convert", log, tmp_path / "log.xyz") == 2
    assert ".parquet" in cli.error
