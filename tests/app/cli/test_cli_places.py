"""`verify`, `releases`, `presets`, `data` and `cache`."""

import json
import shutil

import numpy as np
import pytest

from ml.can.readers import read_log


def test_verify_finds_all_that_is_needed_and_advises_on_the_rest(cli):
    assert cli("verify", "--verbose") == 0
    assert "✖" not in cli.out
    assert "canfuse data simulate" in cli.out
    assert "canfuse train fusion" in cli.out
    assert "CANFUSE_LEASE_SECONDS" in cli.out


def test_verify_fails_where_something_is_missing(cli, monkeypatch):
    monkeypatch.setenv("CANFUSE_REDIS_URL", "redis://127.0.0.1:9")
    monkeypatch.setenv("CANFUSE_DATABASE_URL", "mysql://somewhere")
    assert cli("verify") == 1
    assert cli.out.count("✖") == 2
    assert "2 of 10 checks failed" in cli.out
    assert "unset CANFUSE_REDIS_URL" in cli.out


def test_a_release_is_listed_shown_verified_and_drawn(trained, tiny_release_store):
    version = tiny_release_store.resolve("production")
    assert trained("releases", "list") == 0
    assert version in trained.out
    assert trained.json("releases", "show")["version"] == version
    assert trained("releases", "verify", version[:6]) == 0
    assert "is whole" in trained.out
    assert trained("releases", "policy") == 0
    assert len(trained.out.strip().splitlines()) == 2 + 10
    assert trained("releases", "report") == 0
    assert trained.out.strip().endswith("index.html")


def test_an_alias_is_pointed_elsewhere_and_the_change_is_told(trained, tiny_release_store):
    version = tiny_release_store.resolve("production")
    assert trained("releases", "alias", "candidate", "production") == 0
    assert f"candidate points at {version}" in trained.out
    assert tiny_release_store.aliases()["candidate"] == version


def test_presets_are_listed_and_printed_whole(cli):
    assert cli("presets") == 0
    assert "fusion_hcrl_sa" in cli.out
    assert cli("train", "fusion", "--list-presets") == 0
    assert "fusion_set_04" in cli.out
    assert "experts_set_04" not in cli.out
    config = cli.json("presets", "fusion_hcrl_sa")
    assert config["dataset"] == "hcrl_sa"
    assert config["agent"]["alpha_steps"] == 21


def test_a_dataset_is_simulated_listed_and_described(cli):
    assert cli("data", "simulate", "--name", "elm", "--seconds", 5, "bursts=1") == 0
    assert cli("data", "list") == 0
    assert "elm" in cli.out
    told = cli.json("data", "info", "elm", "--json")
    assert {c["split"][:5] for c in told["captures"]} == {"train", "test_"}
    assert cli("data", "info", "elm") == 0
    assert "masquerade" in cli.out


@pytest.mark.parametrize("suffix", [".log", ".arrow", ".parquet"])
def test_a_log_is_converted_frame_by_frame(cli, tiny_data_dir, tmp_path, suffix):
    source = next((tiny_data_dir / "tiny").glob("train_02*/DoS-*"))
    target = tmp_path / f"copy{suffix}"
    assert cli("data", "convert", source, target) == 0
    before, after = read_log(source).frames, read_log(target).frames
    assert np.array_equal(before.can_id, after.can_id)
    assert np.array_equal(before.payload, after.payload)
    assert np.allclose(before.timestamp, after.timestamp, atol=1e-6)
    assert (after.label is None) == (suffix == ".log")
    assert ("labels; they are lost" in cli.err) == (suffix == ".log")


def test_a_folder_of_logs_is_converted_in_its_layout(cli, tiny_data_dir, tmp_path):
    source = tiny_data_dir / "tiny"
    assert cli("data", "convert", source, tmp_path / "copy") == 0
    names = [{p.relative_to(f) for p in f.rglob("*.parquet")} for f in (source, tmp_path / "copy")]
    assert names[0] == names[1]


def test_a_log_is_described(cli, tiny_data_dir):
    log = next((tiny_data_dir / "tiny").glob("train_02*/DoS-*"))
    told = cli.json("data", "info", log, "--json")
    assert told["frames"] == len(read_log(log).frames)
    assert cli("data", "info", log) == 0
    assert f"{told['attack_frames']} frames" in cli.out


def test_caches_are_listed_and_cleared(trained, tiny_job, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(tiny_job["workspace"].cache, home / "cache")
    assert trained("cache", "info", "--home", home) == 0
    assert "tiny" in trained.out
    (card,) = (home / "cache" / "fusion").rglob("cache.json")
    assert json.loads(card.read_text())["cross_fitted"]
    assert trained("cache", "clear", "tiny", "--home", home) == 0
    assert list((home / "cache" / "fusion").iterdir()) == []
