"""The service with a release that was really trained, and traffic that it was not trained on."""

import shutil

import numpy as np
import pytest
from service_kit import as_columns, running, until

from ml.can.datasets import find_dataset, load_capture
from ml.can.frames import Frames
from ml.scoring import Scorer

COLUMNS = ("fused_score", "alpha", "anomaly_score", "gat_prob", "is_attack")


@pytest.fixture(scope="module")
def capture(tiny_data_dir):
    return find_dataset("tiny", [tiny_data_dir], needs=("test",)).test[0]


@pytest.fixture(scope="module")
def trained(tiny_release_store, tiny_data_dir, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(tiny_release_store.root, home / "releases")
    shutil.copytree(tiny_release_store.reports, home / "reports")
    with running(home, data_dirs=(tiny_data_dir,)) as service:
        until(lambda: service.client.get("/aliases").json()["in_use"])
        yield service


@pytest.fixture(scope="module")
def frames(capture) -> Frames:
    return load_capture(capture).frames


def test_what_is_served_is_what_the_release_says_in_every_form(trained, capture, frames):
    scorer: Scorer = trained.store.load("production")
    known = scorer.score_frames(frames, scorer.profiles[capture.vehicle])
    file = {"Content-Type": "application/vnd.apache.parquet"}
    path = f"/score?vehicle={capture.vehicle}"
    by_file = trained.client.post(path, content=capture.path.read_bytes(), headers=file).json()
    by_frames = trained.client.post(path, json=as_columns(frames)).json()
    experts = {name: by_file[name] for name in ("anomaly_score", "gat_prob")}
    by_scores = trained.client.post("/score", json=experts).json()
    for answer in (by_file, by_frames, by_scores):
        assert answer["release"] == known.release
        for name in COLUMNS:
            served = np.array(answer[name], getattr(known, name).dtype)
            np.testing.assert_array_equal(served, getattr(known, name))


def test_a_window_alone_scores_as_it_does_among_others(trained, capture, frames):
    path = f"/score?vehicle={capture.vehicle}"
    among = trained.client.post(path, json=as_columns(frames)).json()
    first = as_columns(frames[: trained.store.load("production").window.window_size])
    alone = trained.client.post(path, json=first).json()
    assert len(alone["fused_score"]) == 1
    assert alone["fused_score"][0] == pytest.approx(among["fused_score"][0], abs=1e-5)


def test_the_card_and_the_report_of_a_trained_release_are_served(trained):
    card = trained.client.get("/releases/production").json()
    assert card["metrics"]
    assert card["dataset"]["name"] == "tiny"
    assert np.shape(card["policy"]["alpha"]) == (10, 10)
    report = trained.client.get(card["links"]["report"])
    assert report.status_code == 200
    assert "<script" not in report.text
