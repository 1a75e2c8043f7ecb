"""The main job on simulated traffic: what it leaves, how it goes on, what it refuses."""

import shutil
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from pydantic import TypeAdapter
from tiny import DATASET, SIMULATION, TRAINING, train

from ml.can.datasets import find_dataset
from ml.can.readers import read_log
from ml.can.simulation import simulate_dataset
from ml.can.writers import write_log
from ml.context import Context, Workspace
from ml.errors import Cancelled, CanfuseError
from ml.evaluation.drift import Reference
from ml.pipelines.presets import resolve
from ml.pipelines.registry import pipeline
from ml.releases import ReleaseStore


def workspace_of(tmp_path: Path, data_dir: Path) -> Workspace:
    return Workspace(home=tmp_path / "home", data_dirs=(data_dir,))


def test_a_fusion_job_publishes_a_release_that_scores(tiny_job, tiny_release_store):
    assert tiny_release_store.aliases()["production"] == tiny_job["release"]
    scores = tiny_release_store.load("production").fuse([0.0, 1.0], [0.0, 1.0])
    assert scores.is_attack.tolist() == [False, True]


def test_it_says_what_its_promise_came_to_on_cars_left_out(tiny_job, tiny_release_store):
    kept = tiny_release_store.manifest("production").metrics["flagged_on_cars_left_out"]
    train = find_dataset(DATASET, tiny_job["workspace"].data_dirs).train
    assert set(kept) == {capture.vehicle for capture in train}
    assert all(0 <= share <= 1 for share in kept.values())
    page = (tiny_job["workdir"] / "report" / "index.html").read_text()
    assert "at the line of the others" in page


def test_its_progress_never_falls_and_names_each_phase(tiny_job):
    progress = [e for e in tiny_job["events"] if e["event"] == "progress"]
    fractions = [e["fraction"] for e in progress]
    assert fractions == sorted(fractions)
    assert {"read captures", "train vgae", "train gat", "train fusion_tiny", "evaluate"} <= {
        e["phase"] for e in progress
    }


def test_it_compares_every_detector_on_every_capture_and_split(tiny_job):
    dataset = find_dataset(DATASET, tiny_job["workspace"].data_dirs)
    captures = tiny_job["comparison"]["captures"]
    assert [c["path"] for c in captures] == [c.name for c in dataset.test]
    rivals = {"gat", "vgae", "mean", "fixed_alpha", "logistic_regression"}
    detectors = {"fused", *rivals, "tree", "tree_half", "two_rules"}
    assert all(set(c["detectors"]) == detectors for c in captures)
    assert set(tiny_job["comparison"]["splits"]) == {c.split for c in dataset.test}


def test_it_leaves_what_its_users_look_for(tiny_job):
    artifacts = tiny_job["workdir"] / "artifacts"
    names = {p.relative_to(artifacts).as_posix() for p in artifacts.rglob("*") if p.is_file()}
    assert {
        "fusion_agent_tiny.safetensors",
        "fusion_policy_tiny.npy",
        "fusion/checkpoints/last.ckpt",
        "fusion/csv/version_0/metrics.csv",
        "experts/vgae/checkpoints/last.ckpt",
        "experts/gat/csv/version_0/hparams.yaml",
    } <= names
    assert np.load(artifacts / "fusion_policy_tiny.npy").shape == (10, 10)
    report = ReleaseStore(tiny_job["workspace"].releases).report("production")
    assert "GAT" in report.read_text()


def test_its_release_says_how_benign_windows_score(tiny_job):
    card = ReleaseStore(tiny_job["workspace"].releases).manifest("production")
    told = TypeAdapter(dict[str, Reference]).validate_python(card.metrics["score_references"])
    assert set(told) == {"anomaly_score", "gat_prob", "fused_score"}
    assert all(sum(reference.shares) == pytest.approx(1) for reference in told.values())


def test_a_second_job_on_the_same_data_uses_the_cache_and_makes_the_same_release(
    tiny_job, tmp_path
):
    again = train(tiny_job["workspace"], tmp_path, alias=None)
    assert again["cache"] == {"cross_fitted": True, "reason": ""}
    assert again["release"] == tiny_job["release"]


def test_a_job_interrupted_again_and_again_makes_the_same_release(
    tiny_job, tiny_data_dir, tmp_path
):
    """The version is a digest of every weight, so equal versions are equal results."""
    workspace = workspace_of(tmp_path, tiny_data_dir)
    kind = pipeline("fusion")
    for stop_at in (0.2, 0.5, 0.86):
        cancelled = threading.Event()

        def emit(event, cancelled=cancelled, stop_at=stop_at):
            if event["event"] == "progress" and event["fraction"] > stop_at:
                cancelled.set()

        context = Context(tmp_path / "job", workspace, emit, cancelled)
        with pytest.raises(Cancelled):
            kind.run(kind.parse(TRAINING), context)
        assert not ReleaseStore(workspace.releases).versions()
    assert train(workspace, tmp_path / "job")["release"] == tiny_job["release"]


def test_an_attempt_at_another_task_starts_afresh_and_says_so(tiny_job, tmp_path):
    """A folder continued with other settings must not pass old weights off as new ones."""
    workdir = tmp_path / "job"
    shutil.copytree(tiny_job["workdir"], workdir)
    again = train(tiny_job["workspace"], workdir, seed=5, alias=None)
    said = [e["message"] for e in again["events"] if e["event"] == "log"]
    assert "Starting afresh: config changed since the last attempt." in said
    assert again["release"] != tiny_job["release"]


def trained_anew(job) -> bool:
    return any(e.get("phase") == "train gat" for e in job["events"])


def test_released_experts_score_captures_that_they_never_saw_as_they_are(
    tiny_job, tiny_data_dir, tmp_path
):
    """Look-alikes are cross-fitted only where the experts were trained on the same captures."""
    simulate_dataset(replace(SIMULATION, name="other", seed=9), tmp_path / "data")
    workspace = Workspace(tiny_job["workspace"].home, (tmp_path / "data", tiny_data_dir))
    experts = {"experts": {"release": tiny_job["release"]}, "alias": None}
    other = train(workspace, tmp_path / "other", dataset="other", **experts)
    same = train(workspace, tmp_path / "same", **experts)
    assert not trained_anew(other)
    assert other["cache"]["cross_fitted"] is True
    assert same["cache"] == {"cross_fitted": True, "reason": ""}
    seen = ReleaseStore(workspace.releases).manifest(other["release"]).dataset["trained_on"]
    tiny = find_dataset(DATASET, workspace.data_dirs)
    assert {c.digest for c in tiny.train} < set(seen)


def test_an_evaluation_names_the_captures_that_the_release_was_trained_on(
    tiny_job, tiny_data_dir, tmp_path
):
    data = Path(shutil.copytree(tiny_data_dir, tmp_path / "data"))
    (data / DATASET).rename(data / "leaky")
    trained = next((data / "leaky").glob("train_02*/DoS-*.parquet"))
    for path in list((data / "leaky").glob("test_*/*.parquet"))[1:]:
        path.unlink()
    trained.rename(data / "leaky" / "test_01_known_vehicle_known_attack" / trained.name)
    kind = pipeline("evaluate")
    workspace = Workspace(tiny_job["workspace"].home, (data,))
    events = []
    context = Context(tmp_path / "job", workspace, events.append)
    result = kind.run(kind.parse({"dataset": "leaky"}), context)
    assert [Path(name).name for name in result["seen_in_training"]] == [trained.name]
    assert any("figures there prove nothing" in e.get("message", "") for e in events)


def test_without_test_splits_the_report_does_not_speak_of_a_test(tiny_job, data_dir, tmp_path):
    drop(data_dir, "test_*")
    train(Workspace(tiny_job["workspace"].home, (data_dir,)), tmp_path / "job", alias=None)
    page = (tmp_path / "job" / "report" / "index.html").read_text()
    assert "captures it was trained on" in page
    assert "test split" not in page


def test_experts_trained_alone_can_be_fused_later(tiny_job, tmp_path):
    workspace = tiny_job["workspace"]
    kind = pipeline("experts")
    config = kind.parse({"dataset": DATASET, "experts": TRAINING["experts"]})
    result = kind.run(config, Context(tmp_path / "experts", workspace, lambda _: None))
    store = ReleaseStore(workspace.releases)
    store.publish(tmp_path / "experts" / "release")

    fused = train(workspace, tmp_path / "job", alias=None, experts={"release": result["release"]})
    child, parent = store.manifest(fused["release"]), store.manifest(result["release"])
    assert child.parents == (result["release"],)
    assert child.files["gat.safetensors"] == parent.files["gat.safetensors"]


def test_an_in_sample_cache_is_made_on_request_only_and_marked(tiny_data_dir, tmp_path):
    workspace = workspace_of(tmp_path, tiny_data_dir)
    result = train(workspace, tmp_path / "job", data={"in_sample": True})
    assert result["cache"]["cross_fitted"] is False
    manifest = ReleaseStore(workspace.releases).manifest("production")
    assert manifest.metrics["cross_fitted"] is False
    report = ReleaseStore(workspace.releases).report("production")
    assert "IN-SAMPLE" in report.read_text()


@pytest.fixture
def data_dir(tiny_data_dir, tmp_path) -> Path:
    """A copy of the tiny dataset, to be spoiled."""
    return Path(shutil.copytree(tiny_data_dir, tmp_path / "data"))


def drop(data_dir: Path, pattern: str) -> None:
    for path in list((data_dir / DATASET).glob(pattern)):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def relabel(data_dir: Path, label: int | None) -> None:
    for path in (data_dir / DATASET).glob("train_*/*.parquet"):
        table = pl.read_parquet(path).drop("label")
        if label is not None:
            table = table.with_columns(label=pl.lit(label, pl.UInt8))
        table.write_parquet(path)


def shorten(data_dir: Path, split: str) -> None:
    path = next((data_dir / DATASET).glob(f"{split}/DoS-*.parquet"))
    write_log(read_log(path).frames[:99], path)


def nothing(_: Path) -> None:
    """The data is fine."""


SPOILED = {
    "there is no train split": (lambda d: drop(d, "train_*"), {}, "train_"),
    "no training capture has an attack": (lambda d: drop(d, "train_02*"), {}, "attack"),
    "one attack capture, and no benign traffic but what cars are enrolled with": (
        lambda d: (drop(d, "train_02*/[!D]*"), drop(d, "train_02*/*birch*")),
        {},
        "no benign traffic is left to train on.*enrolment.seconds",
    ),
    "labels without any attack": (lambda d: relabel(d, 0), {}, "hold no attack"),
    "labels without any benign window": (lambda d: relabel(d, 1), {}, "benign traffic for a pro"),
    "no labels": (lambda d: relabel(d, None), {}, "has no labels"),
    "a capture shorter than a window": (
        lambda d: shorten(d, "train_02*"),
        {},
        r"DoS-.*takes 100 frames.*only 99",
    ),
    "a test capture shorter than a window": (
        lambda d: shorten(d, "test_01*"),
        {},
        r"test_01.*takes 100 frames.*only 99",
    ),
    "an unknown dataset": (nothing, {"dataset": "nowhere"}, "no dataset nowhere.*tiny"),
    "a dataset name that leaves the folder": (
        lambda _: None,
        {"dataset": "../tiny"},
        "no dataset name",
    ),
    "an unknown reward": (
        lambda _: None,
        {"agent": {"reward": "luck"}},
        "no reward 'luck'.*accuracy",
    ),
    "a reward by import path": (
        lambda _: None,
        {"agent": {"reward": "os:system"}},
        "command line only",
    ),
    "an unknown release": (lambda _: None, {"experts": {"release": "old"}}, "no release 'old'"),
    "an unknown option": (lambda _: None, {"agent": {"gama": 1}}, "agent.gama"),
    "an option out of range": (lambda _: None, {"agent": {"gamma": 2}}, "agent.gamma"),
}


def test_the_halves_of_a_lone_attack_score_each_other(data_dir, tmp_path):
    drop(data_dir, "train_02*/[!D]*")
    drop(data_dir, "train_02*/*birch*")
    result = train(workspace_of(tmp_path, data_dir), tmp_path / "job", enrolment={"seconds": 4})
    assert result["cache"]["cross_fitted"]
    assert any("halves score each other" in e.get("message", "") for e in result["events"])


@pytest.mark.parametrize("case", SPOILED)
def test_what_cannot_be_trained_on_is_refused_in_one_line_and_leaves_no_release(
    case, data_dir, tmp_path
):
    spoil, overrides, reason = SPOILED[case]
    spoil(data_dir)
    workspace = workspace_of(tmp_path, data_dir)
    with pytest.raises(CanfuseError, match=f"(?s){reason}") as refused:
        train(workspace, tmp_path / "job", **overrides)
    assert "\n" not in str(refused.value)
    assert refused.value.hint
    assert not list(tmp_path.glob("home/releases/*"))
    assert not list(tmp_path.glob("home/cache/**/*.json"))


def test_an_unknown_preset_is_refused_with_the_known_ones():
    with pytest.raises(CanfuseError, match=r"no fusion preset 'best'.*fusion_hcrl_sa"):
        resolve("fusion", "best", {})


def test_a_preset_takes_overrides_deep_inside_and_keeps_the_rest():
    config = resolve("fusion", "fusion_hcrl_sa", {"agent": {"fusion_lr": "0.002"}})
    assert (config.dataset, config.agent.fusion_lr, config.agent.alpha_steps) == (
        "hcrl_sa",
        0.002,
        21,
    )
