"""Following a job: nothing is lost and nothing comes twice, whatever happens to the streams."""

import json
import threading
from itertools import pairwise

import both_clients
import httpx
import pytest
from both_clients import ONCE, SOON
from flaky_proxy import HELD, REFUSED
from hypothesis import given
from hypothesis import strategies as st
from service_kit import running, until

from canfuse_client import Problem, Retries, UnexpectedAnswer, Unreachable
from workers.jobs import open_store

STEPS = 40


def lines(first, last):
    return [{"event": "log", "level": "info", "message": f"step {n}"} for n in range(first, last)]


@pytest.fixture
def lease(service):
    job = service.client.post("/jobs/rehearse", json={}).json()["id"]
    return open_store(service.settings).lease(job, "test", SOON)


def sequences(events):
    return [event.sequence for event in events]


@pytest.mark.parametrize(
    "plan", [[400], [900, 0, 0], [REFUSED, 1], [300 + 97 * n for n in range(8)], [0, HELD, 500]]
)
def test_events_come_once_each_over_streams_that_break(far_client, proxy, lease, monkeypatch, plan):
    monkeypatch.setattr("canfuse_client.following.SILENCE", 1.0)
    lease.append(lines(0, STEPS))
    lease.end("failed", error={"type": "x", "detail": "It broke.", "hint": ""})
    proxy.plan.extend(plan)
    events = list(far_client.follow(lease.job_id))
    assert proxy.lost == len(plan)
    assert sequences(events) == list(range(1, STEPS + 4))
    assert events[-1].status == "failed"


def test_events_come_while_they_happen_over_a_stream_that_breaks(far_client, proxy, lease):
    seen = []
    follower = threading.Thread(target=lambda: seen.extend(far_client.follow(lease.job_id)))
    watched = far_client.follow(lease.job_id)
    proxy.plan.extend([600, 300, 800, None])
    follower.start()
    for batch in range(4):
        lease.append(lines(batch, batch + 1))
        assert any(event.message == f"step {batch}" for event in watched)
    lease.end("failed", error={"type": "x", "detail": "", "hint": ""})
    assert [event.status for event in watched] == ["failed"]
    follower.join(SOON)
    assert sequences(seen) == list(range(1, 4 + 4))


def test_a_stream_that_ends_with_its_time_is_taken_up_again(connect, tmp_path):
    with (
        running(tmp_path, sse_lifetime_seconds=0.1, sse_poll_seconds=0.02) as service,
        connect(service.client.base_url) as client,
    ):
        job = client.submit("rehearse").id
        events, seen = client.follow(job), []
        follower = threading.Thread(target=lambda: seen.extend(events))
        follower.start()
        until(lambda: _streams(service) >= 3)
        client.cancel(job)
        follower.join(SOON)
    assert sequences(seen) == list(range(1, len(seen) + 1))
    assert seen[-1].status == "cancelled"


def _streams(service):
    text = service.client.get("/metrics").text
    found = [line for line in text.splitlines() if "/events" in line and "_count" in line]
    return sum(float(line.split()[-1]) for line in found)


def test_a_service_that_stays_away_is_given_up(connect):
    with connect("http://127.0.0.1:9", retries=ONCE) as client, pytest.raises(Unreachable):
        next(client.follow("job"))


def test_a_job_that_is_not_there_is_said_to_be_missing(client):
    with pytest.raises(Problem) as missing:
        next(client.follow("nothing"))
    assert missing.value.status == 404


def test_a_page_is_not_taken_for_a_stream(connect):
    page = httpx.MockTransport(lambda _: httpx.Response(200, html="<p>Hello</p>"))
    with connect("http://there", transport=page) as client, pytest.raises(UnexpectedAnswer):
        next(client.follow("job"))


class History(httpx.BaseTransport):
    """Streams a history after `Last-Event-ID`, cut and broken off as it is told."""

    def __init__(self, messages, cuts, breaks):
        self.messages, self.cuts, self.breaks = messages, cuts, list(breaks)

    def handle_request(self, request):
        after = int(request.headers.get("Last-Event-ID", 0))
        if after == len(self.messages):
            return httpx.Response(204)
        content = b"retry: 1\n\n: hello\n\n" + b"".join(self.messages[after:])
        stream = _Broken(content, self.cuts, self.breaks.pop() if self.breaks else None)
        return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, stream=stream)


class _Broken(httpx.SyncByteStream):
    def __init__(self, content, cuts, end):
        self.content, self.cuts, self.end = content, cuts, end

    def __iter__(self):
        content = self.content if self.end is None else self.content[: self.end]
        bounds = sorted({0, *(cut for cut in self.cuts if cut < len(content)), len(content)})
        for begin, end in pairwise(bounds):
            yield content[begin:end]
        if self.end is not None and self.end < len(self.content):
            raise httpx.ReadError("The connection was reset.")


def wired(number, newline, **own):
    event = {
        "sequence": number,
        "attempt": 1,
        "at": "2026-01-01T00:00:00Z",
    }
    data = json.dumps({**event, **own}, ensure_ascii=False)
    fields = [f"id: {number}", "event: log", f"data: {data}", "", ""]
    return newline.join(fields).encode()


offsets = st.integers(0, 2000)


@given(
    messages=st.lists(st.text(), max_size=12),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    cuts=st.lists(offsets, max_size=30),
    breaks=st.lists(offsets, max_size=6),
)
def test_any_pieces_and_any_breaks_give_the_same_events(messages, newline, cuts, breaks):
    told = [wired(i, newline, event="log", message=m) for i, m in enumerate(messages, 1)]
    told.append(wired(len(told) + 1, newline, event="state", status="succeeded"))
    at_once = Retries(total=SOON, first=0)
    history = History(told, cuts, breaks)
    with both_clients.blocking("http://there", transport=history, retries=at_once) as client:
        assert [event.message for event in client.follow("job")] == [*messages, None]
