import json
import shutil
import signal
import sys

import pytest
from cli_kit import SOON, started

from app.cli.work.local import run_here
from ml.context import Workspace
from ml.errors import InvalidInput
from ml.pipelines.registry import pipeline

SMALL = ("--epochs", 2, "experts.training.max_epochs=3", "experts.training.batch_size=32")


@pytest.fixture
def cached(tiny_job, tmp_path):
    """A home with the prediction cache of the tiny dataset, so that trainings on it are short."""
    home = tmp_path / "home"
    shutil.copytree(tiny_job["workspace"].cache, home / "cache")
    return home


def test_a_fusion_is_trained_published_compared_and_resumed_after_ctrl_c(
    trained, cached, tiny_data_dir
):
    words = ("train", "fusion", "--dataset", "tiny", *SMALL)
    with started(*words, home=cached, data=tiny_data_dir) as process:
        for line in process.stderr:
            if "train" in line:
                process.send_signal(signal.SIGINT)
                break
        _, errors = process.communicate(timeout=SOON)
    assert process.returncode == 130
    assert "The training was cancelled. Go on with `canfuse train fusion --resume" in errors
    assert not (cached / "releases").exists()

    assert trained("train", "fusion", "--resume", "last", "--home", cached) == 0
    assert "Test 01: known vehicle, known attack" in trained.out
    told = {
        words[0]: words[1] for line in trained.out.splitlines() if len(words := line.split()) > 1
    }
    version = told["Release"]
    assert (cached / "releases" / "aliases" / "production").read_text() == version
    assert (cached / "releases" / version / "policy.npy").exists()
    assert told["Report"] == str(cached / "reports" / version / "index.html")
    left = {p.name for p in (cached / "jobs").glob("fusion-*/artifacts/**/*")}
    assert {"last.ckpt", "metrics.csv", "hparams.yaml", "fusion_policy_tiny.npy"} <= left
    assert len(list((cached / "jobs").iterdir())) == 1

    checkpoint = next((cached / "jobs").glob("fusion-*/artifacts/fusion/checkpoints/last.ckpt"))
    assert trained("train", "fusion", "--resume-from", checkpoint, "--home", cached) == 0
    assert f"Release    {version} " in trained.out


def test_options_and_overrides_reach_the_configuration(cli, monkeypatch, tiny_data_dir):
    monkeypatch.setenv("CANFUSE_DATA_DIRS", str(tiny_data_dir))
    words = ("--dataset", "tiny", "--lr", 0.01, "--batch-size", 16, "--quick", "alias=null")
    assert cli("train", "experts", *words, "experts.training.max_epochs=1") == 0
    (config,) = cli.home.glob("jobs/experts-*/config.json")
    training = json.loads(config.read_text())["experts"]["training"]
    assert training["max_epochs"] == 1
    assert training["learning_rate"] == 0.01
    assert training["batch_size"] == 16
    assert not (cli.home / "releases" / "aliases").exists()


def test_a_run_that_fails_after_work_was_done_keeps_it(tmp_path):
    workspace, workdir = Workspace(home=tmp_path, data_dirs=()), tmp_path / "jobs" / "rehearse-1"
    config = pipeline("rehearse").parse({"steps": 2, "seconds_per_step": 0, "fail": True})
    with pytest.raises(InvalidInput, match="told to fail"):
        run_here("rehearse", config, workspace, workdir)
    assert (workdir / "rehearsal.txt").read_text() == "2"


def test_a_reward_in_a_module_of_the_working_folder_is_found(
    cli, monkeypatch, tmp_path, tiny_data_dir
):
    monkeypatch.setenv("CANFUSE_DATA_DIRS", str(tiny_data_dir))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_rewards.py").write_text("worth = 1\n")
    words = ("train", "fusion", "--dataset", "tiny", "agent.reward=own_rewards:worth")
    assert cli(*words) == 2
    assert "'int' object is not callable" in cli.error
