import shutil

import numpy as np
import pytest
from service_kit import running, traffic

from ml.can.readers import parse_log
from ml.can.writers import write_log

TEXT = {"Content-Type": "text/plain"}


@pytest.fixture(scope="module")
def with_data(tmp_path_factory):
    data = tmp_path_factory.mktemp("data")
    write_log(traffic(seed=1), data / "mine" / "train_01" / "attack-free-car.parquet")
    write_log(traffic(seed=2), data / "mine" / "train_02" / "DoS-car.parquet")
    write_log(traffic(seed=2), data / "mine" / "test_01" / "DoS-car.parquet")
    with running(tmp_path_factory.mktemp("home"), data_dirs=(data,)) as service:
        yield service


@pytest.fixture
def candump(tmp_path):
    return write_log(traffic(), tmp_path / "drive.log").read_bytes()


def test_a_log_is_looked_into(service, candump):
    found = service.client.post("/captures/inspect", content=candump, headers=TEXT).json()
    frames = traffic()
    assert found["frames"] == 200
    assert found["ids"] == len(np.unique(frames.can_id))
    assert found["duration"] == pytest.approx(frames.timestamp[-1] - frames.timestamp[0])
    assert found["attack_frames"] is None
    assert (found["log"]["format"], found["log"]["dropped"]) == ("candump", 0)


@pytest.mark.parametrize("to", ["parquet", "arrow", "candump"])
def test_a_log_converted_holds_the_same_frames(service, candump, to):
    url = f"/captures/convert?to={to}"
    answer = service.client.post(url, content=candump, headers=TEXT)
    assert answer.status_code == 200
    assert "attachment" in answer.headers["Content-Disposition"]
    frames, known = parse_log(answer.content).frames, traffic()
    np.testing.assert_allclose(frames.timestamp, known.timestamp, atol=1e-6)
    np.testing.assert_array_equal(frames.can_id, known.can_id)
    np.testing.assert_array_equal(frames.payload, known.payload)


def test_what_cannot_be_read_or_written_is_refused(service, candump):
    client = service.client
    assert client.post("/captures/inspect", content=b"", headers=TEXT).status_code == 422
    assert client.post("/captures/inspect", json={}).status_code == 415
    unknown = client.post("/captures/convert?to=pdf", content=candump, headers=TEXT)
    assert unknown.json()["errors"][0]["field"] == "query.to"
    truncated = candump[:-2]  # half a byte is left
    assert client.post("/captures/inspect", content=truncated, headers=TEXT).status_code == 422
    lenient = client.post("/captures/inspect?lenient=1", content=truncated, headers=TEXT).json()
    assert lenient["log"]["dropped"] == 1


def test_datasets_are_listed_and_shown_with_their_captures(with_data):
    assert with_data.client.get("/datasets").json() == ["mine"]
    shown = with_data.client.get("/datasets/mine").json()
    assert {
        split: [c["attack"] for c in captures] for split, captures in shown["splits"].items()
    } == {
        "test_01": ["DoS"],
        "train_01": [None],
    }
    assert shown["repeats"] == [["mine/train_02/DoS-car.parquet", "mine/test_01/DoS-car.parquet"]]


@pytest.mark.parametrize("kind", ["fusion", "experts", "cache"])
def test_a_job_on_an_unknown_dataset_is_refused_at_once(with_data, kind):
    answer = with_data.client.post(f"/jobs/{kind}", json={"dataset": "nothing"})
    assert answer.status_code == 404
    assert "mine" in answer.json()["hint"]
    assert with_data.client.get("/jobs").json()["jobs"] == []


def test_repeating_a_submission_is_harmless_though_its_dataset_is_gone(tmp_path):
    folder = tmp_path / "data" / "mine"
    write_log(traffic(), folder / "train_01" / "DoS-car.parquet")
    with running(tmp_path / "home", data_dirs=(tmp_path / "data",)) as service:

        def submit(dataset="mine"):
            key = {"Idempotency-Key": "once"}
            return service.client.post("/jobs/cache", json={"dataset": dataset}, headers=key)

        job = submit().json()
        shutil.rmtree(folder)
        assert submit().json()["id"] == job["id"]
        assert submit("other").json()["type"] == "/problems/idempotency-key-reused"


def test_a_dataset_name_that_leads_elsewhere_is_refused(with_data):
    for name in ("..", "../mine", "/etc", "mine\x00"):
        answer = with_data.client.post("/jobs/fusion", json={"dataset": name})
        assert answer.status_code == 422


def test_a_preset_fills_what_is_not_given(tmp_path):
    write_log(traffic(), tmp_path / "hcrl_sa" / "train_01" / "attack-free-car.parquet")
    with running(tmp_path / "home", data_dirs=(tmp_path,)) as service:
        body = {"preset": "fusion_hcrl_sa", "training": {"max_epochs": 2}, "labels": ["quick"]}
        job = service.client.post("/jobs/fusion", json=body).json()
        assert job["config"]["dataset"] == "hcrl_sa"
        assert job["config"]["training"]["max_epochs"] == 2
        preset = service.client.get("/presets/fusion_hcrl_sa").json()["config"]
        assert {**preset, "training": {**preset["training"], "max_epochs": 2}} == job["config"]
        assert [j["id"] for j in service.client.get("/jobs?label=quick").json()["jobs"]] == [
            job["id"]
        ]
        unknown = service.client.post("/jobs/fusion", json={"preset": "nothing"})
        assert unknown.status_code == 404
        assert "fusion_hcrl_sa" in unknown.json()["hint"]


def test_a_reward_by_import_path_is_not_taken_over_http(with_data):
    for reward in ("os:system", "nothing"):
        body = {"dataset": "mine", "agent": {"reward": reward}}
        answer = with_data.client.post("/jobs/fusion", json=body)
        assert answer.status_code in {404, 422}
        assert "accuracy" in answer.json()["hint"]
    assert "accuracy" in with_data.client.get("/rewards").json()
