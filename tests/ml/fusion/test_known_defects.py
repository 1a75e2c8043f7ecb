"""Ten defects of the research code that this fusion descends from, each impossible here."""

import inspect
import shutil
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from test_dqn import AGENT, PLAIN, module, transitions
from tiny import TRAINING

from ml.can import graphs as graphs_module
from ml.can.datasets import find_dataset
from ml.can.graphs import build_graphs
from ml.can.loading import enrol_all, label_all, label_capture
from ml.can.profiles.enrolment import EnrolmentConfig, enrol
from ml.can.readers import parse_log
from ml.can.recordings import read_recording, read_recordings
from ml.can.splits import hold_out
from ml.can.windows import WindowConfig, window_overlap
from ml.context import Context
from ml.digests import digest_of
from ml.experts.bank import ExpertsConfig
from ml.experts.calibration import Calibration
from ml.fusion.cache import MANIFEST, PREDICTIONS, PredictionCache
from ml.fusion.cache_builder import PredictionCacheBuilder
from ml.fusion.config import FusionAgentConfig
from ml.fusion.rewards import REWARDS
from ml.fusion.samples import FusionPredictionCache
from ml.pipelines.registry import pipeline
from ml.releases import ReleaseStore


@pytest.fixture(scope="module")
def captures(tiny_job):
    dataset = find_dataset("tiny", tiny_job["workspace"].data_dirs)
    silent = Context(tiny_job["workdir"], tiny_job["workspace"], lambda _: None).span(0, 1)
    recordings = read_recordings(dataset.train, WindowConfig(), silent)
    enrolments = enrol_all(recordings, EnrolmentConfig())
    return label_all(recordings, enrolments, WindowConfig(), EnrolmentConfig(), silent)


@pytest.fixture
def builder(tiny_job, tmp_path):
    """A builder over a copy of the cache that the tiny job made."""
    shutil.copytree(tiny_job["workspace"].cache / "fusion" / "tiny", tmp_path / "caches")
    config = pipeline("fusion").parse(TRAINING)
    return PredictionCacheBuilder(
        root=tmp_path / "caches",
        workdir=tmp_path,
        banks=tmp_path / "folds",
        experts=config.experts,
        data=config.data,
        window=config.window,
        seed=config.seed,
    )


def other_vehicle(captures):
    first = replace(captures[0], capture=replace(captures[0].capture, vehicle="other"))
    return [first, *captures[1:]]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"seed": 1}, "seed"),
        ({"window": WindowConfig(window_size=50)}, "window"),
        ({"experts": ExpertsConfig(gat="large")}, "experts"),
    ],
)
def test_1_a_cache_made_with_other_settings_is_not_used_and_it_is_said_why(
    builder, captures, changed, reason
):
    other = replace(builder, **changed)
    digests = other.digests(captures, None)
    assert PredictionCache.load(other.root / digest_of(digests)[:16]) is None
    assert other.why(digests) == f"the last one was made from other {reason}"


def test_1_a_cache_made_from_other_captures_facts_or_experts_is_not_used(
    builder, captures, tiny_release_store
):
    bank = tiny_release_store.load("production").bank
    for digests, reason in (
        (builder.digests(captures[1:], None), "captures"),
        (builder.digests(other_vehicle(captures), None), "captures"),
        (builder.digests(captures, bank), "experts"),
    ):
        assert builder.why(digests) == f"the last one was made from other {reason}"
    another = replace(bank, experts={"vgae": bank.experts["vgae"]})
    assert builder.digests(captures, bank) != builder.digests(captures, another)


def test_1_a_cache_that_was_tampered_with_is_not_used(builder, captures):
    digests = builder.digests(captures, None)
    folder = builder.root / digest_of(digests)[:16]
    assert PredictionCache.load(folder) is not None
    path = folder / PREDICTIONS
    pl.read_parquet(path).with_columns(anomaly_score=pl.lit(0.5)).write_parquet(path)
    assert PredictionCache.load(folder) is None
    assert builder.why(digests) == "the one on disk was changed since it was made"
    (folder / MANIFEST).write_text("{")
    assert PredictionCache.load(folder) is None


def test_1_nothing_that_a_job_leaves_is_a_pickle_but_lightnings_own_checkpoints(tiny_job):
    home = tiny_job["workspace"].home
    files = [p for p in home.rglob("*") if p.is_file() and p.suffix != ".ckpt"]
    assert len(files) > 20
    assert not [p for p in files if p.suffix in {".pkl", ".pickle", ".pth", ".pt"}]
    # A pickle of protocol 2 or later begins with 0x80 and that number; zip-wrapped ones with PK.
    beginnings = {b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK"}
    # A safetensors file begins with its header's length, which may be any bytes.
    others = [p for p in files if p.suffix != ".safetensors"]
    assert not [p for p in others if p.read_bytes()[:2] in beginnings]


def test_2_a_windows_value_never_bootstraps_on_itself():
    """By default each window ends its episode, so its target is its reward, whatever gamma is."""
    score = np.random.default_rng(0).random(50).astype(np.float32)
    benign = np.zeros(50, np.uint8)
    samples = FusionPredictionCache.of(score, score, benign, benign, AGENT.episode_length)
    assert AGENT.gamma > 0
    assert samples.done.all()
    losses = [
        module(FusionAgentConfig(**PLAIN, gamma=gamma)).q_loss(transitions(9))
        for gamma in (0.0, 0.9)
    ]
    assert torch.equal(*losses)


def test_2_in_longer_episodes_the_next_state_is_the_next_window_of_the_bus():
    score = np.random.default_rng(0).random(50).astype(np.float32)
    samples = FusionPredictionCache.of(score, score, np.zeros(50, np.uint8), np.zeros(50), 10)
    goes_on = samples.done == 0
    assert torch.equal(samples.next_state[goes_on], samples.state[1:][goes_on[:-1]])


@pytest.mark.parametrize("name", sorted(REWARDS))
def test_3_no_reward_can_favour_a_weight_because_none_sees_it(name):
    function = REWARDS[name](FusionAgentConfig())
    assert list(inspect.signature(function).parameters) == ["fused", "label"]


def test_4_probabilities_use_the_whole_range_from_0_to_1():
    logits = np.concatenate([np.full(200, -9.0), np.full(200, 9.0)])
    calibration = Calibration.fit(logits, (logits > 0).astype(np.uint8))
    least, most = calibration(np.array([-60.0, 60.0]))
    assert least < 0.01
    assert most > 0.99


def test_5_the_same_window_always_gets_the_same_score(tiny_release_store, captures):
    bank = tiny_release_store.load("production").bank
    first, second = (bank.raw(captures[-1].graphs) for _ in range(2))
    for name, scores in first.items():
        np.testing.assert_array_equal(scores, second[name])


def test_6_no_window_breaks_where_one_chunk_of_work_ends(captures, monkeypatch):
    config = WindowConfig(window_size=100, stride=37)
    recording = read_recording(captures[0].capture, config)
    frames, profile = recording.frames, enrol("car", [recording], EnrolmentConfig()).profile
    whole = build_graphs(frames, config, profile)
    monkeypatch.setattr(graphs_module, "FRAMES_AT_ONCE", 500)
    chunked = build_graphs(frames, config, profile)
    np.testing.assert_array_equal(whole.edge_index, chunked.edge_index)
    np.testing.assert_array_equal(whole.edge, chunked.edge)


def test_7_train_validation_and_test_share_no_capture_and_no_frame(tiny_job, captures):
    dataset = find_dataset("tiny", tiny_job["workspace"].data_dirs)
    assert not {c.digest for c in dataset.train} & {c.digest for c in dataset.test}
    config = WindowConfig(window_size=100, stride=40)
    recording = read_recording(next(c.capture for c in captures if c.label.any()), config)
    attacked = label_capture(recording, enrol("car", [recording], EnrolmentConfig()), config)
    held = hold_out([attacked.capture], [attacked.label], window_overlap(config))
    graphs = attacked.graphs
    begins_before_end = graphs.start[held.train][:, None] <= graphs.end[held.validation]
    ends_after_begin = graphs.end[held.train][:, None] >= graphs.start[held.validation]
    assert not (begins_before_end & ends_after_begin).any()


def test_8_serving_takes_frames_and_needs_nothing_but_the_release(tiny_release_store, tmp_path):
    """The bundle is moved to an empty place, away from dataset, cache and checkpoints."""
    shutil.copytree(tiny_release_store.root, tmp_path / "elsewhere" / "releases")
    scorer = ReleaseStore(tmp_path / "elsewhere" / "releases").load("production")
    lines = (b"(0.%06d) can0 1E5#460196E001FE6701\n" % (i * 1000) for i in range(200))
    log = b"".join(lines)
    scores = scorer.score_frames(parse_log(log).frames, next(iter(scorer.profiles.values())))
    assert len(scores.fused_score) == 2
    assert ((scores.fused_score >= 0) & (scores.fused_score <= 1)).all()


def test_9_an_id_that_looks_like_a_number_in_scientific_notation_stays_an_id():
    log = parse_log(b"timestamp,arbitration_id,data_field,attack\n1.0,1E5,00,0\n2.0,0E1,00,1\n")
    assert log.frames.can_id.tolist() == [0x1E5, 0x0E1]


def test_10_exploration_is_drawn_per_window_and_decays_with_every_step():
    agent = module(FusionAgentConfig(**PLAIN, fusion_epsilon=0.5, fusion_min_epsilon=0.0))
    actions = agent.act(torch.full((4000, 2), 0.5))
    assert 0.3 < (actions != actions.mode().values).float().mean() < 0.7
    before = agent.epsilon.item()
    agent.on_train_batch_end(None, None, 0)
    assert agent.epsilon.item() == pytest.approx(before * 0.995)
