"""Jobs by both clients, at a real service."""

import json

import pytest
from both_clients import SOON
from service_kit import running

from canfuse_client import Job, JobFailed, Problem, WrongUse
from workers.jobs import open_store


def ended(service, job_id, error=None):
    """Let a made-up worker run a job."""
    lease = open_store(service.settings).lease(job_id, "test", SOON)
    lease.append([{"event": "log", "level": "info", "message": "half way"}])
    lease.append([{"event": "progress", "phase": "steps", "fraction": 0.5, "message": "2 of 4"}])
    lease.append([{"event": "metrics", "phase": "steps", "values": {"f1": None}, "step": 1}])
    lease.end("failed", error) if error else lease.succeed({"answer": 42})


def test_a_job_is_submitted_found_and_cancelled(client):
    job = client.submit("rehearse", {"steps": 3}, labels=["mine"])
    assert (job.status, job.kind, job.labels, job.config["steps"]) == (
        "queued", "rehearse", ["mine"], 3,
    )  # fmt: skip
    assert client.job(job.id) == job
    cancelled = client.cancel(job.id)
    assert (cancelled.status, cancelled.ended, cancelled.succeeded) == ("cancelled", True, False)
    assert client.cancel(job.id).status == "cancelled"


def test_jobs_are_listed_over_all_pages(client):
    made = [client.submit("rehearse", labels=["crowd", client.url]).id for _ in range(5)]
    found = client.jobs(label="crowd", status="queued", kind="rehearse", page=2)
    assert [job.id for job in found if job.id in made] == made[::-1]


def test_a_listing_may_be_left_early(client):
    newest = client.submit("rehearse").id
    assert next(client.jobs(page=1)).id == newest


def test_a_jobs_events_are_typed_and_end_with_it(client, service):
    job = client.submit("rehearse")
    ended(service, job.id)
    events = list(client.follow(job.id))
    assert [e.sequence for e in events] == list(range(1, len(events) + 1))
    assert [e.status for e in events if e.event == "state"] == ["queued", "running", "succeeded"]
    (progress,) = [e for e in events if e.event == "progress"]
    assert (progress.phase, progress.fraction, progress.message) == ("steps", 0.5, "2 of 4")
    assert [e.values for e in events if e.event == "metrics"] == [{"f1": None}]
    assert [e.level for e in events if e.event == "log"] == ["info"]
    assert list(client.follow(job.id, after=2)) == events[2:]
    assert list(client.follow(job.id, after=len(events))) == []


def test_a_jobs_end_is_waited_for(client, service):
    job = client.submit("rehearse")
    with pytest.raises(TimeoutError, match="is queued after"):
        client.wait(job.id, timeout=0.05)
    ended(service, job.id)
    done = client.wait(job.id, timeout=SOON)
    assert (done.succeeded, done.result) == (True, {"answer": 42})
    done.raise_for_failure()


def test_a_failed_job_raises_what_went_wrong_on_request(client, service):
    job = client.submit("rehearse")
    error = {"type": "x", "detail": "It broke.", "hint": "Mend it."}
    ended(service, job.id, error)
    with pytest.raises(JobFailed, match="It broke") as failed:
        client.wait(job.id).raise_for_failure()
    assert failed.value.job.error == error
    assert str(failed.value).endswith("is failed. It broke. Mend it.")


def test_a_refusal_carries_the_problem_document(client):
    with pytest.raises(Problem) as refused:
        next(client.jobs(page=0))
    problem = refused.value
    assert (problem.status, problem.type) == (422, "/problems/invalid-request")
    assert "limit" in problem.detail
    assert problem.title
    assert problem.hint
    assert problem.request_id
    assert problem.extra["errors"][0]["field"].endswith("limit")
    assert str(problem) == f"{problem.detail} {problem.hint}"


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_that_would_lead_elsewhere_is_not_sent(client, name):
    with pytest.raises(WrongUse, match="names nothing"):
        client.job(name)


def test_a_name_with_a_slash_stays_one_name(client):
    with pytest.raises(Problem) as refused:
        client.cancel("../vehicles")
    assert refused.value.status in (404, 422)


@pytest.mark.parametrize("config", [{"steps": float("nan")}, {"steps": object()}])
def test_what_json_cannot_say_is_refused_before_it_is_sent(client, config):
    with pytest.raises(WrongUse, match="cannot be sent"):
        client.submit("rehearse", config)


def test_the_same_key_makes_one_job_and_none_makes_several(client):
    keyed = {client.submit("rehearse", idempotency_key=f"k-{client.url}").id for _ in range(2)}
    assert len(keyed) == 1
    assert len({client.submit("rehearse").id for _ in range(2)}) == 2


def test_what_a_newer_service_tells_is_kept(client):
    told = json.loads(client.submit("rehearse").model_dump_json())
    assert Job(**told, mood="good").model_dump()["mood"] == "good"


def test_an_abandoned_stream_is_closed(connect, tmp_path):
    """The one place that the service has for streams is free again."""
    with (
        running(
            tmp_path, sse_streams=1, sse_poll_seconds=0.02, sse_heartbeat_seconds=0.02
        ) as service,
        connect(service.client.base_url) as client,
    ):
        job = client.submit("rehearse")
        for _ in range(3):
            events = client.follow(job.id)
            assert next(events).status == "queued"
            events.close()
