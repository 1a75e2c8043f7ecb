"""What cannot be done is refused in one problem document, and nothing of it is recorded."""

import pytest
from service_kit import running, traffic

from ml.can.writers import write_log


@pytest.fixture(scope="module")
def with_data(tmp_path_factory):
    data = tmp_path_factory.mktemp("data")
    write_log(traffic(seed=1), data / "whole" / "train_01" / "attack-free-car.parquet")
    write_log(traffic(seed=2), data / "untaught" / "test_01" / "DoS-car.parquet")
    with running(tmp_path_factory.mktemp("home"), data_dirs=(data,)) as service:
        yield service


@pytest.mark.parametrize(
    ("kind", "body", "status", "wrong", "remedy"),
    [
        ("levitate", {}, 404, "no job kind 'levitate'", "fusion"),
        ("fusion", {"dataset": "nowhere"}, 404, "no dataset nowhere", "whole"),
        ("fusion", {"preset": "moon"}, 404, "no fusion preset 'moon'", "fusion_hcrl_sa"),
        ("fusion", {}, 422, "dataset", "Correct"),
        ("rehearse", {"fail": 0}, 422, "fail", "Correct"),
        ("rehearse", {"steps": True}, 422, "steps", "Correct"),
        ("fusion", {"dataset": "untaught"}, 422, "train_*", "train_"),
        ("evaluate", {"dataset": "whole"}, 422, "test_*", "test_"),
        ("evaluate", {"dataset": "untaught"}, 404, "no release", "POST /jobs/fusion"),
        (
            "fusion",
            {"dataset": "whole", "agent": {"reward": "luck"}},
            404,
            "no reward 'luck'",
            "accuracy",
        ),
        (
            "fusion",
            {"dataset": "whole", "agent": {"reward": "os:getcwd"}},
            422,
            "command line only",
            "accuracy",
        ),
        (
            "fusion",
            {"dataset": "whole", "experts": {"release": "none"}},
            404,
            "no release 'none'",
            "Train one",
        ),
    ],
)
def test_a_job_that_cannot_be_done_is_refused(with_data, kind, body, status, wrong, remedy):
    answer = with_data.client.post(f"/jobs/{kind}", json=body)
    problem = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (answer.status_code, problem["status"]) == (status, status)
    assert wrong in problem["detail"]
    assert remedy in problem["hint"]
    assert with_data.client.get("/jobs").json()["jobs"] == []
    assert not with_data.settings.workspace.jobs.exists()
