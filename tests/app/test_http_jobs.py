from datetime import datetime

import pytest
from service_kit import events_of, running, until

from workers.broker import EmbeddedBroker
from workers.jobs import open_store
from workers.queue import depth

STEPS = {"steps": 3, "seconds_per_step": 0}


def submit(service, body=STEPS, **headers):
    return service.client.post("/jobs/rehearse", json=body, headers=headers)


def test_a_submission_is_accepted_and_tells_where_the_job_is(service):
    answer = submit(service)
    assert answer.status_code == 202
    job = service.client.get(answer.headers["Location"]).json()
    assert job["status"] == "queued"
    assert job["config"] == {"steps": 3, "seconds_per_step": 0, "fail": False}
    assert job["links"]["self"] == answer.headers["Location"]


def test_the_same_key_and_body_is_the_same_job_and_another_body_is_refused(service):
    key = {"Idempotency-Key": "once"}
    first, again = submit(service, **key), submit(service, **key)
    other = submit(service, {"steps": 4}, **key)
    assert first.json()["id"] == again.json()["id"]
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")


def test_an_unknown_kind_is_not_found_and_the_known_ones_are_listed(service):
    answer = service.client.post("/jobs/levitate", json={})
    assert answer.status_code == 404
    assert "rehearse" in answer.json()["hint"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"steps": 0}, "steps"),
        ({"stepz": 1}, "stepz"),
        ({"steps": "many"}, "steps"),
        ({"labels": 1}, "labels"),
    ],
)
def test_a_configuration_that_does_not_fit_names_the_field(service, body, field):
    answer = submit(service, body)
    assert answer.status_code == 422
    assert [e["field"] for e in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"seconds_per_step": NaN}'])
def test_a_body_that_is_no_json_object_is_refused(service, body):
    headers = {"Content-Type": "application/json"}
    assert service.client.post("/jobs/rehearse", content=body, headers=headers).status_code == 422


def test_a_page_elsewhere_cannot_submit_as_a_plain_form(service):
    answer = service.client.post(
        "/jobs/rehearse", content=b"{}", headers={"Content-Type": "text/plain"}
    )
    assert answer.status_code == 415


def test_jobs_are_listed_in_pages_and_by_filter(tmp_path):
    with running(tmp_path) as service:
        ids = [submit(service, {**STEPS, "labels": [f"n{i % 2}"]}).json()["id"] for i in range(5)]
        service.client.post(f"/jobs/{ids[0]}/cancel")
        found, cursor = [], None
        while True:
            page = service.client.get(
                "/jobs", params={"limit": 2, **({"cursor": cursor} if cursor else {})}
            ).json()
            found += [job["id"] for job in page["jobs"]]
            if (cursor := page["next_cursor"]) is None:
                break
        assert found == ids[::-1]

        def only(**filters):
            return [job["id"] for job in service.client.get("/jobs", params=filters).json()["jobs"]]

        assert only(status="cancelled") == ids[:1]
        assert only(label="n1") == [ids[3], ids[1]]
        assert only(kind="fusion") == []


def test_jobs_are_filtered_by_time(service):
    made = submit(service, {**STEPS, "labels": ["timed"]}).json()

    def found(**filters):
        jobs = service.client.get("/jobs", params={"label": "timed", **filters}).json()["jobs"]
        return [job["id"] for job in jobs]

    assert found(created_after=made["created_at"]) == [made["id"]]
    assert found(created_before=made["created_at"]) == []


@pytest.mark.parametrize(
    "query",
    [
        *("status=lost", "limit=0", "limit=9999", "cursor=x", "label=%00"),
        *("created_after=yesterday", "created_before=2026-01-01T00:00:00"),
        *("created_after=1767225600", "created_before=0.5"),
    ],
)
def test_a_filter_that_does_not_fit_is_refused(service, query):
    assert service.client.get(f"/jobs?{query}").status_code == 422


def test_too_many_waiting_jobs_are_refused_with_a_time_to_come_back(tmp_path):
    with running(tmp_path, max_queued=1) as service:
        submit(service)
        answer = submit(service)
        assert (answer.status_code, answer.json()["type"]) == (429, "/problems/queue-full")
        assert int(answer.headers["Retry-After"]) > 0


def test_cancelling_is_harmless_twice_and_unknown_jobs_are_not_found(service):
    job = submit(service).json()
    assert service.client.post(job["links"]["cancel"]).json()["status"] == "cancelled"
    assert service.client.post(job["links"]["cancel"]).json()["status"] == "cancelled"
    for method, path in (
        ("GET", ""),
        ("GET", "/events"),
        ("GET", "/artifacts"),
        ("POST", "/cancel"),
        ("POST", "/retry"),
    ):
        answer = service.client.request(method, f"/jobs/nowhere{path}")
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/job-not-found")


def test_what_is_said_about_a_job_is_kept_and_can_be_changed(service):
    said = {"labels": ["a"], "metadata": {"bench": "3"}, "priority": "low"}
    job = submit(service, {**STEPS, **said}).json()
    assert {name: job[name] for name in said} == said
    revised = service.client.patch(job["links"]["self"], json={"metadata": {}, "priority": "high"})
    assert revised.status_code == 200
    assert [revised.json()[name] for name in said] == [["a"], {}, "high"]
    service.client.post(job["links"]["cancel"])
    late = service.client.patch(job["links"]["self"], json={"priority": "low"})
    assert (late.status_code, late.json()["type"]) == (409, "/problems/job-started")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"metadata": {f"{i}": "x" for i in range(17)}}, "metadata"),
        ({"metadata": {"a": "x" * 513}}, "metadata.a"),
        ({"labels": ["x"] * 17}, "labels"),
        ({"priority": "urgent"}, "priority"),
        ({"status": "succeeded"}, "status"),
    ],
)
def test_what_cannot_be_said_about_a_job_is_named(service, change, field):
    job = submit(service).json()
    answer = service.client.patch(job["links"]["self"], json=change)
    assert answer.status_code == 422
    assert [e["field"] for e in answer.json()["errors"]] == [field]


def test_a_job_that_was_cancelled_is_retried_once_however_often_it_is_asked_for(service):
    job = submit(service).json()
    early = service.client.post(job["links"]["retry"])
    assert (early.status_code, early.json()["type"]) == (409, "/problems/job-not-retryable")
    service.client.post(job["links"]["cancel"])
    first, again = (service.client.post(job["links"]["retry"]) for _ in range(2))
    assert first.status_code == again.status_code == 202
    assert first.headers["Location"] == again.headers["Location"] == first.json()["links"]["self"]
    assert (first.json()["retry_of"], first.json()["config"]) == (job["id"], job["config"])


def test_the_end_of_a_running_job_is_estimated(tmp_path):
    with running(tmp_path) as service:
        job = submit(service).json()
        assert job["estimated_finish"] is None
        lease = open_store(service.settings).lease(job["id"], "test", 30)
        lease.append([], phase="p", fraction=0.5, message="", eta_seconds=90.0)
        told = service.client.get(job["links"]["self"]).json()
        pace = datetime.fromisoformat(told["estimated_finish"]) - datetime.fromisoformat(
            told["progress_at"]
        )
        assert pace.total_seconds() == pytest.approx(90, abs=0.1)
        service.client.post(job["links"]["cancel"])
        lease.end("handed-back")
        ended = service.client.get(job["links"]["self"]).json()
        assert (ended["status"], ended["estimated_finish"]) == ("cancelled", None)


def test_a_job_is_announced_through_the_broker(tmp_path):
    with running(tmp_path) as service, EmbeddedBroker(service.settings.broker_folder) as broker:
        submit(service)
        assert until(lambda: depth("cpu", broker.url)) == 1
        assert service.client.get("/readyz").status_code == 200


def test_progress_and_outcome_of_a_running_job_are_told(tmp_path):
    with running(tmp_path) as service:
        job = submit(service).json()
        lease = open_store(service.settings).lease(job["id"], "test", 30)
        progress = {"event": "progress", "phase": "rehearse", "fraction": 0.5, "message": "half"}
        lease.append([progress], phase="rehearse", fraction=0.5, message="half")
        running_job = service.client.get(job["links"]["self"]).json()
        assert (running_job["status"], running_job["fraction"]) == ("running", 0.5)
        lease.succeed({"steps": 3})
        told = events_of(service.client.get(job["links"]["events"]).text)
        assert [e["event"] for e in told] == ["state", "state", "progress", "state"]
        assert told[2]["message"] == "half"
        assert service.client.get(job["links"]["self"]).json()["result"] == {"steps": 3}
