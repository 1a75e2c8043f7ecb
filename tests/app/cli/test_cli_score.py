import csv
import io
import json

import pytest

from ml.can.readers import read_log
from ml.scoring import Scores


@pytest.fixture
def capture(tiny_data_dir):
    return next((tiny_data_dir / "tiny").glob("test_01*/DoS-*"))


@pytest.fixture
def vehicle(capture):
    return capture.stem.rpartition("-")[2]


@pytest.fixture
def scores(tiny_release_store, capture, vehicle) -> Scores:
    scorer = tiny_release_store.load("production")
    return scorer.score_frames(read_log(capture).frames, scorer.profiles[vehicle])


def test_json_holds_the_very_scores_and_nothing_else(trained, capture, vehicle, scores):
    told = trained.json("score", capture, "--vehicle", vehicle, "--json")
    assert {name: told[name] for name in scores.to_dict()} == scores.to_dict()
    assert told["log"]["format"] == "parquet"
    assert (told["vehicle"]["id"], told["vehicle"]["enrolled"]) == (vehicle, False)


def test_csv_has_a_row_for_each_window(trained, capture, vehicle, scores):
    assert trained("score", capture, "--vehicle", vehicle, "--csv") == 0
    rows = list(csv.DictReader(io.StringIO(trained.out)))
    assert [float(row["fused_score"]) for row in rows] == scores.fused_score.tolist()
    assert [row["is_attack"] == "1" for row in rows] == scores.is_attack.tolist()


def test_a_terminal_gets_a_summary_with_the_attacks(trained, capture, vehicle, scores):
    assert trained("score", capture, "--vehicle", vehicle) == 0
    assert f"{scores.is_attack.sum()} of {len(scores.is_attack)} windows" in trained.out
    assert scores.release in trained.out
    assert "Highest score" in trained.out
    assert f"{vehicle} (not enrolled), profile" in trained.out
    assert "No vehicle was named" not in trained.err
    assert "not enrolled here" in trained.err


def test_a_car_that_is_not_named_is_not_silently_scored_as_another(trained, capture, monkeypatch):
    assert trained("score", capture) == 0
    assert "No vehicle was named" in trained.err
    assert trained("score", capture, "--vehicle", "boat") == 2
    assert "alder, birch" in trained.error
    monkeypatch.setenv("CANFUSE_UNENROLLED", "refuse")
    assert trained("score", capture) == 2
    assert "canfuse enrol" in trained.error


def test_flagged_windows_are_explained_on_request(trained, capture, vehicle, scores):
    assert trained("score", capture, "--vehicle", vehicle, "--explain") == 0
    assert "Why" in trained.out
    told = trained.json("score", capture, "--vehicle", vehicle, "--explain", "--json")
    assert 0 < len(told["explanations"]) <= min(20, scores.is_attack.sum())


@pytest.mark.parametrize("name", ["scores.json", "scores.csv"])
def test_the_suffix_of_the_output_decides_its_form(trained, capture, tmp_path, name):
    file = tmp_path / "new" / name
    assert trained("score", capture, "--output", file) == 0
    assert trained.out == ""
    assert file.read_text().startswith("{" if name.endswith("json") else "window,")


def test_bad_lines_are_left_out_on_request_and_counted(trained, tmp_path):
    log = tmp_path / "log.log"
    lines = [f"({i / 1000:.6f}) can0 {i % 9:03X}#0011" for i in range(300)]
    log.write_text("\n".join([*lines[:200], "what is this?", *lines[200:]]))
    assert trained("score", log) == 2
    assert trained("score", log, "--lenient", "--json") == 0
    assert json.loads(trained.out)["log"]["dropped"] == 1
    assert "1 of 301 lines were bad" in trained.err


def test_evaluation_prints_exactly_the_comparison(trained):
    told = trained.json("evaluate", "--dataset", "tiny", "--json")
    assert {"captures", "splits", "macro", "levels", "events"} <= set(told)
    row = told["captures"][0]
    assert set(row) >= {
        *("path", "split", "vehicle", "attack", "windows", "attack_windows", "detectors"),
    }
    detectors = {"fused", "gat", "vgae", "mean", "fixed_alpha", "logistic_regression"}
    assert detectors <= set(row["detectors"])
    assert set(row["detectors"]["fused"]) >= {
        *("f1", "precision", "recall", "fpr", "auroc", "ap", "mcc"),
    }


def test_evaluation_tells_a_terminal_by_capture_and_split(trained):
    assert trained("evaluate", "--dataset", "tiny") == 0
    assert "Fused score, by capture" in trained.out
    assert "Test 04: unknown vehicle, unknown attack" in trained.out
    assert "n/a" in trained.out  # a suppressed message leaves no attack frame
    assert "\x1b" not in trained.out
