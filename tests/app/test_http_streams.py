import sqlite3
import threading
import time

import httpx
import pytest
from jsonschema import validate
from service_kit import events_of, running, until

from app.errors import Busy
from app.jobs.follow import Streams


def submit(service):
    return service.client.post("/jobs/rehearse", json={}).json()


def cancelled(service):
    job = submit(service)
    service.client.post(job["links"]["cancel"])
    return job


def test_a_stream_replays_after_the_last_event_seen_and_ends_with_the_job(service):
    events = cancelled(service)["links"]["events"]
    whole = events_of(service.client.get(events).text)
    rest = events_of(service.client.get(events, headers={"Last-Event-ID": "1"}).text)
    assert [e["id"] for e in whole] == [str(n) for n in range(1, len(whole) + 1)]
    assert {e["name"] for e in whole} == {"state"}
    assert (whole[0]["status"], whole[-1]["status"]) == ("queued", "cancelled")
    assert rest == whole[1:]


def test_events_are_as_the_description_says(service):
    paths = service.client.get("/openapi.json").json()["paths"]
    told = paths["/jobs/{job_id}/events"]["get"]["responses"]["200"]["content"]
    fields = told["text/event-stream"]["itemSchema"]["properties"]
    events = events_of(service.client.get(cancelled(service)["links"]["events"]).text)
    assert events
    for event in events:
        validate(event.pop("id"), fields["id"])
        validate(event.pop("name"), fields["event"])
        validate(event, fields["data"]["contentSchema"])


def test_who_has_the_last_event_is_told_not_to_come_back(service):
    events = cancelled(service)["links"]["events"]
    last = events_of(service.client.get(events).text)[-1]["id"]
    answer = service.client.get(events, headers={"Last-Event-ID": last})
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize("number", ["-1", "x", "99999999999999999999"])
def test_a_last_event_that_is_no_number_is_refused(service, number):
    events = cancelled(service)["links"]["events"]
    assert service.client.get(events, headers={"Last-Event-ID": number}).status_code == 422


def test_events_come_while_they_happen(service):
    job = submit(service)
    with service.client.stream("GET", job["links"]["events"]) as stream:
        lines = stream.iter_lines()
        assert next(line for line in lines if line.startswith("id:")) == "id: 1"
        service.client.post(job["links"]["cancel"])
        assert any('"cancelled"' in line for line in lines)


def test_a_stream_whose_database_goes_away_ends_so_that_its_client_comes_back(tmp_path, caplog):
    database = {"database_url": f"sqlite:///{tmp_path}/canfuse.db"}
    with running(tmp_path, sse_poll_seconds=0.02, **database) as service:
        job = submit(service)
        with service.client.stream("GET", job["links"]["events"]) as stream:
            lines = stream.iter_lines()
            assert next(line for line in lines if line.startswith("id:")) == "id: 1"
            with sqlite3.connect(tmp_path / "canfuse.db") as lost:
                lost.execute("ALTER TABLE events RENAME TO lost")
            lost.close()
            assert not [line for line in lines if line.startswith("id:")]
    assert "crashed" not in caplog.text


def test_a_silent_stream_shows_that_it_lives_and_ends_with_its_time(tmp_path):
    with running(
        tmp_path, sse_heartbeat_seconds=0.05, sse_poll_seconds=0.02, sse_lifetime_seconds=0.3
    ) as service:
        began = time.monotonic()
        text = service.client.get(submit(service)["links"]["events"]).text
        assert 0.3 <= time.monotonic() - began < 5
        assert ": still here" in text


def test_streams_end_when_the_service_stops(tmp_path):
    with running(tmp_path, shutdown_seconds=20) as service:
        job = submit(service)
        with service.client.stream("GET", job["links"]["events"]) as stream:
            lines = stream.iter_lines()
            next(line for line in lines if line.startswith("data:"))
            began = time.monotonic()
            service.stop()
            assert time.monotonic() - began < 5
            # It just ends: the job has not, so nothing says that it had.
            assert not [line for line in lines if line.startswith("data:")]


def test_no_more_streams_than_allowed_get_a_place():
    streams = Streams(2)
    streams.take()
    streams.take()
    with pytest.raises(Busy):
        streams.take()
    streams.give_back()
    streams.take()


def test_a_crowd_of_followers_is_no_larger_than_allowed(tmp_path):
    with running(tmp_path, sse_streams=3, sse_lifetime_seconds=2) as service:
        events, statuses = submit(service)["links"]["events"], []

        def follow():
            statuses.append(service.client.get(events).status_code)

        followers = [threading.Thread(target=follow) for _ in range(12)]
        for follower in followers:
            follower.start()
        for follower in followers:
            follower.join()
    assert sorted(statuses) == [200] * 3 + [429] * 9


def test_a_client_that_goes_away_frees_its_place(tmp_path):
    with running(
        tmp_path, sse_streams=1, sse_poll_seconds=0.02, sse_heartbeat_seconds=0.05
    ) as service:
        events = submit(service)["links"]["events"]
        with (
            httpx.Client(base_url=service.client.base_url) as other,
            other.stream("GET", events) as stream,
        ):
            lines = stream.iter_lines()
            next(lines)
            refused = service.client.get(events)
            assert (refused.status_code, refused.json()["type"]) == (429, "/problems/busy")

        def open_again():
            with service.client.stream("GET", events) as stream:
                return stream.status_code == 200

        assert until(open_again)


def test_many_followers_see_the_same_events(service):
    job, texts = submit(service), []

    def follow():
        texts.append(service.client.get(job["links"]["events"]).text)

    followers = [threading.Thread(target=follow) for _ in range(8)]
    for follower in followers:
        follower.start()
    service.client.post(job["links"]["cancel"])
    for follower in followers:
        follower.join()
    assert len(texts) == 8
    assert set(texts) == {texts[0]}
