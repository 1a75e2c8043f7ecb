"""What both clients do where the network or the service falters: tried over a bad network."""

import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from both_clients import EAGER, ONCE, blocking
from flaky_proxy import HELD, REFUSED

from canfuse_client import Problem, Retries, Unreachable
from canfuse_client.patience import Patience


def jobs_at(service):
    return service.client.get("/jobs", params={"limit": 200}).json()["jobs"]


@pytest.mark.parametrize("plan", [[0], [0, 0, 0], [20, REFUSED, 0], [REFUSED, 150], [0] * 10])
def test_a_submission_is_made_exactly_once_over_lost_answers(service, far_client, proxy, plan):
    before = len(jobs_at(service))
    proxy.plan.extend(plan)
    job = far_client.submit("rehearse", {"steps": 3})
    assert proxy.lost == len(plan)
    assert [j["id"] for j in jobs_at(service)][: len(jobs_at(service)) - before] == [job.id]


def test_a_submission_whose_answer_comes_too_late_is_made_once(service, connect, proxy):
    before = len(jobs_at(service))
    proxy.plan.append(HELD)
    with connect(proxy.url, timeout=0.5) as client:
        job = client.submit("rehearse")
    assert proxy.lost == 1
    assert len(jobs_at(service)) == before + 1
    assert jobs_at(service)[0]["id"] == job.id


def test_many_submissions_at_once_over_a_bad_network_make_one_job_each(service, far_client, proxy):
    before = len(jobs_at(service))
    proxy.plan.extend([0, None, 30] * 6)
    made = []
    threads = [
        threading.Thread(target=lambda: made.append(far_client.submit("rehearse").id))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 12
    assert len(jobs_at(service)) == before + 12


def test_scores_come_over_a_bad_network(far_client, proxy):
    proxy.plan.extend([0, REFUSED, 40])
    assert len(far_client.score([0.1, 0.9], [0.2, 0.8]).fused_score) == 2
    assert proxy.lost == 3


def test_what_stays_broken_is_given_up_when_the_patience_ends(connect, proxy):
    proxy.plan.extend([0] * 1000)
    with connect(proxy.url, retries=Retries(total=0.2, first=0.01, longest=0.02)) as client:
        with pytest.raises(Unreachable, match="broke") as broken:
            client.submit("rehearse")
        assert broken.value.sent
    assert 1 <= proxy.lost < 1000


def test_where_nobody_listens_is_said_at_once_if_so_wished(connect):
    eager = Retries(total=60, awaits_service=False)
    with connect("http://127.0.0.1:9", retries=eager) as client:
        with pytest.raises(Unreachable, match="No service answers") as absent:
            client.vehicles()
        assert not absent.value.sent


def test_a_deletion_whose_answer_was_lost_is_not_called_a_mistake(far_client, proxy):
    frames = {"timestamp": [i / 100 for i in range(3000)], "id": [1, 2, 3] * 1000}
    far_client.enrol_frames("brief", **frames, data=[b"\1\2"] * 3000, accept_findings=True)
    proxy.plan.append(0)
    far_client.delete_vehicle("brief")
    assert proxy.lost == 1
    with pytest.raises(Problem) as unknown:
        far_client.delete_vehicle("brief")
    assert unknown.value.status == 404


class Answers(httpx.MockTransport):
    """Gives prepared answers, the last one again and again, and keeps the requests."""

    def __init__(self, *answers):
        super().__init__(self._answer)
        self.answers = list(answers)
        self.requests = []

    def _answer(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return httpx.Response(**answer)


def refusal(status, **headers):
    problem = {"type": "/problems/busy", "detail": "Not now.", "hint": "Later.", "request_id": "r"}
    return {"status_code": status, "json": problem, "headers": headers}


SCORES = {
    "status_code": 200,
    "json": {
        **{name: [0.5] for name in ("fused_score", "alpha", "anomaly_score", "gat_prob")},
        **dict.fromkeys(("attack_kind", "window_start", "window_end", "vehicle")),
        "is_attack": [True],
        "threshold": 0.5,
        "release": "r",
    },
}


class Grown(Answers):
    """The same, after a file has grown that is about to be sent."""

    def __init__(self, file, *answers):
        super().__init__(*answers)
        self._file = file

    def _grow(self):
        with self._file.open("ab") as file:
            file.write(b"(2.0) can0 123#00\n")

    def handle_request(self, request):
        self._grow()
        return super().handle_request(request)

    async def handle_async_request(self, request):
        self._grow()
        return await super().handle_async_request(request)


def test_a_log_that_still_grows_is_sent_as_it_was_at_first(connect, tmp_path):
    log = tmp_path / "live.log"
    log.write_bytes(begun := b"(1.0) can0 123#00\n" * 10_000)
    service = Grown(log, SCORES)
    with connect("http://there", transport=service) as client:
        client.score_log(log)
    assert log.stat().st_size > len(begun)
    assert [request.content for request in service.requests] == [begun]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_request_that_is_turned_away_for_now_is_sent_again(connect, status):
    answers = Answers(refusal(status, **{"Retry-After": "0"}), refusal(status), SCORES)
    with connect("http://there", transport=answers) as client:
        assert client.score([0.5], [0.5]).is_attack == [True]
    assert len(answers.requests) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 500])
def test_a_refusal_for_good_is_not_argued_with(connect, status):
    answers = Answers(refusal(status))
    with connect("http://there", transport=answers) as client, pytest.raises(Problem) as refused:
        client.score([0.5], [0.5])
    assert len(answers.requests) == 1
    assert (refused.value.status, refused.value.detail) == (status, "Not now.")


def test_readiness_is_told_as_it_is(connect):
    answers = Answers(refusal(503))
    with connect("http://there", transport=answers) as client, pytest.raises(Problem):
        client.ready()
    assert len(answers.requests) == 1


def test_one_key_is_kept_over_all_tries_and_each_submission_has_its_own(connect):
    answers = Answers(refusal(503), refusal(429), refusal(422))
    with connect("http://there", transport=answers) as client:
        for _ in range(2):
            with pytest.raises(Problem):
                client.submit("rehearse")
    keys = [request.headers["Idempotency-Key"] for request in answers.requests]
    assert len(keys) == 4
    assert len(set(keys[:3])) == 1
    assert keys[3] not in keys[:3]


def test_what_answers_but_is_not_canfuse_is_said_to_be_so(connect):
    page = {"status_code": 418, "html": "<p>teapot", "headers": {"X-Request-ID": "r-1"}}
    with (
        connect("http://there", transport=Answers(page)) as client,
        pytest.raises(Problem) as refused,
    ):
        client.aliases()
    assert "Is it canfuse" in str(refused.value)
    assert (refused.value.type, refused.value.request_id) == ("about:blank", "r-1")


def told_to_wait(text):
    answers = Answers(refusal(429, **{"Retry-After": text}))
    with (
        blocking("http://there", transport=answers, retries=ONCE) as client,
        pytest.raises(Problem) as refused,
    ):
        client.aliases()
    return refused.value.retry_after


def test_retry_after_is_read_in_seconds_and_as_a_date():
    assert told_to_wait("7") == 7
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert 55 < told_to_wait(date) <= 60
    assert told_to_wait("soon") is None


def pauses(patience, error, tries):
    return [patience.after(error) for _ in range(tries)]


def test_pauses_grow_to_a_limit_and_differ_by_chance():
    retries = Retries(total=1e9, first=1, longest=8)
    error = Unreachable("It broke.", sent=True)
    for attempt, most in enumerate([1, 2, 4, 8, 8, 8]):
        seen = [pauses(Patience(retries), error, attempt + 1)[-1] for _ in range(200)]
        assert 0 <= min(seen) < most / 4
        assert most * 3 / 4 < max(seen) <= most


def test_what_the_service_asks_for_is_waited_but_never_too_long():
    retries = Retries(total=1e9, first=1, longest=8)
    seen = [Patience(retries).after(Problem(429, {}, asked)) for asked in (3, 3, 3)]
    assert all(3 <= pause <= 4 for pause in seen)
    assert Patience(retries).after(Problem(429, {}, 1e6)) <= 9


def test_a_pause_that_leads_past_the_end_is_not_begun():
    with pytest.raises(Problem):
        Patience(Retries(total=5)).after(Problem(503, {}, 6.0))


def test_a_request_that_may_not_be_repeated_is_tried_again_only_if_it_did_not_leave():
    patience = Patience(EAGER)
    assert patience.after(Unreachable("", sent=False), repeatable=False) >= 0
    for error in (Unreachable("", sent=True), Problem(503, {})):
        with pytest.raises(type(error)):
            patience.after(error, repeatable=False)


def test_a_key_is_sent_but_never_shown(connect, monkeypatch):
    monkeypatch.setenv("CANFUSE_API_KEY", "from the environment")
    answers = Answers(refusal(403))
    with connect("http://there", transport=answers) as client, pytest.raises(Problem) as refused:
        client.aliases()
    with connect("http://there", "secret", transport=answers) as client, pytest.raises(Problem):
        client.aliases()
    sent = [request.headers["X-API-Key"] for request in answers.requests]
    assert sent == ["from the environment", "secret"]
    shown = [str(refused.value), repr(client), str(vars(refused.value))]
    assert "environment" not in "".join(shown)
