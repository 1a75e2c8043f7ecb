import json

import pytest
from service_kit import running

from workers.jobs import open_store


@pytest.fixture(scope="module")
def running_service(tmp_path_factory):
    with running(tmp_path_factory.mktemp("home"), data_dirs=()) as service:
        yield service


@pytest.fixture
def jobs(cli, monkeypatch, running_service):
    """`canfuse jobs …` to a running service without a worker."""
    monkeypatch.setenv("CANFUSE_URL", str(running_service.client.base_url))
    return lambda *words: cli("jobs", *words)


@pytest.fixture
def submitted(cli, jobs):
    assert jobs("submit", "rehearse", "steps=3", "--label", "mine") == 0
    return cli.out.split()[1]


def test_a_job_is_submitted_listed_and_shown(cli, jobs, submitted):
    assert cli.out == f"Job {submitted} is queued.\n"
    assert jobs("list", "--kind", "rehearse") == 0
    assert submitted in cli.out
    job = cli.json("jobs", "show", submitted)
    assert job["config"]["steps"] == 3
    assert job["labels"] == ["mine"]
    assert submitted in {row["id"] for row in cli.json("jobs", "list", "--json")}


def test_a_job_is_cancelled_and_its_watcher_told(cli, jobs, submitted):
    assert jobs("cancel", submitted) == 0
    assert cli.out == f"Job {submitted} is cancelled.\n"
    assert jobs("watch", submitted) == 130
    assert "was cancelled" in cli.error


def test_a_cancelled_job_is_run_again_as_a_new_one(cli, jobs, submitted):
    assert jobs("retry", submitted) == 1
    assert "Error" in cli.error
    assert jobs("cancel", submitted) == 0
    assert jobs("retry", submitted) == 0
    assert cli.json("jobs", "show", cli.out.split()[1])["retry_of"] == submitted


def test_jobs_are_listed_by_label_and_priority_is_kept(cli, jobs):
    assert jobs("submit", "rehearse", "--label", "night", "--priority", "low") == 0
    (job,) = cli.json("jobs", "list", "--label", "night", "--json")
    assert job["priority"] == "low"
    assert jobs("list", "--limit", "1") == 0
    assert "There are more" in cli.err


def test_a_jobs_end_is_watched(cli, jobs, submitted, running_service):
    store = open_store(running_service.settings)
    lease = store.lease(submitted, "test", 60)
    lease.append([{"event": "log", "level": "info", "message": "half way"}])
    lease.end("failed", error={"type": "x", "detail": "It broke.", "hint": "Mend it."})
    assert jobs("watch", submitted) == 1
    assert "It broke. Mend it." in cli.error


def test_files_of_a_job_are_listed_and_fetched(cli, jobs, submitted, running_service, tmp_path):
    folder = running_service.settings.workspace.jobs / submitted / "artifacts" / "logs"
    folder.mkdir(parents=True)
    (folder / "metrics.csv").write_text("a,b\n1,2\n")
    assert jobs("artifacts", submitted) == 0
    assert "logs/metrics.csv" in cli.out
    assert jobs("artifacts", submitted, "--into", tmp_path / "got") == 0
    assert (tmp_path / "got" / "logs" / "metrics.csv").read_text() == "a,b\n1,2\n"


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (("submit", "magic"), "no job kind 'magic'"),
        (("submit", "rehearse", "steps=0"), "steps"),
        (("submit", "fusion", "--preset", "moon"), "preset 'moon'"),
        (("show", "nothing"), "no job 'nothing'"),
        (("list", "--status", "odd"), "status"),
    ],
)
def test_what_the_service_refuses_is_said_in_its_words(cli, jobs, words, wrong):
    assert jobs(*words) == 2
    assert wrong in cli.error


def test_an_answer_that_is_not_canfuses_is_explained(cli, running_service, monkeypatch):
    monkeypatch.setenv("CANFUSE_URL", f"{running_service.client.base_url}docs")
    assert cli("jobs", "list") != 0
    assert cli.error
    assert json.dumps(cli.out) == '""'
