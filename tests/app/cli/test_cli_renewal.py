"""While releases are swapped and the API's processes are renewed, no request fails."""

import os
import signal
import socket
import sys
import threading
from contextlib import contextmanager, suppress

import httpx
import psutil
import pytest
from cli_kit import SOON, family, service
from prometheus_client.parser import text_string_to_metric_families
from service_kit import publish, until

from app.cli.work.children import Child
from app.cli.work.renewal import Renewal
from ml.releases import ReleaseStore

PATIENCE = 4 * SOON  # four processes load their libraries, two at a time
SCORES = {"anomaly_score": [0.2, 0.9], "gat_prob": [0.1, 0.8]}


@contextmanager
def load(url):
    """Callers that ask without a pause, three on a connection that stays, one on a new one each."""
    answers, over = [], threading.Event()

    def ask(post):
        while not over.wait(0.002):
            try:
                answer = post(f"{url}/score", json=SCORES, timeout=SOON)
                answers.append((answer.status_code, answer.json().get("release")))
            except httpx.HTTPError as error:
                answers.append((repr(error), None))

    with httpx.Client() as one, httpx.Client() as two, httpx.Client() as three:
        posts = (one.post, two.post, three.post, httpx.post)
        callers = [threading.Thread(target=ask, args=(post,)) for post in posts]
        for caller in callers:
            caller.start()
        try:
            yield answers
        finally:
            over.set()
            for caller in callers:
                caller.join()


def counted(place):
    """How many scorings the metrics tell of."""
    families = text_string_to_metric_families(httpx.get(place, timeout=SOON).text)
    samples = (sample for family in families for sample in family.samples)
    asked = {"method": "POST", "route": "/score", "status": "200"}
    return sum(s.value for s in samples if "requests_total" in s.name and s.labels == asked)


def is_api(member):
    with suppress(psutil.NoSuchProcess):
        return "app.cli.work.api" in member.cmdline()
    return False


def apis(process):
    return {member.pid for member in family(process) if is_api(member)}


@pytest.mark.timeout(2 * PATIENCE)
def test_no_request_fails_during_release_swaps_and_a_restart_behind_two_processes(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    store = ReleaseStore(tmp_path / "home" / "releases")
    first, second = (publish(store, tmp_path, seed=n, alias=None) for n in (1, 2))
    store.point("production", first)
    options = ("--quiet", "--no-worker", "--processes", 2)
    with service(tmp_path / "home", *options, metrics_port=port) as (process, url):
        before = apis(process)

        def renewed():
            now = apis(process)
            return len(now) == 2 and not now & before

        with load(url) as answers:

            def swap(version):
                body = {"release": version}
                assert httpx.put(f"{url}/aliases/production", json=body, timeout=SOON).is_success
                until(lambda: {release for _, release in answers[-40:]} == {version}, PATIENCE)

            swap(second)
            swap(first)
            process.send_signal(signal.SIGUSR1)
            until(renewed, PATIENCE)
            swap(second)
            seen = len(answers)
            until(lambda: len(answers) > seen + 100, PATIENCE)
        told = {counted(place) for place in (f"{url}/metrics", f"http://127.0.0.1:{port}/metrics")}
    assert len(before) == 2
    assert {status for status, _ in answers} == {200}, [a for a in answers if a[0] != 200][:5]
    assert {release for _, release in answers} == {first, second}
    assert told == {len(answers)}  # also what the processes had counted that are gone


@pytest.fixture
def started():
    """Starts a process; all of them are gone in the end."""
    running = []

    def start(child):
        running.append(child)
        descriptor = child.start()
        return lambda: until(lambda: child.hear(descriptor) is None)

    yield start
    for child in running:
        child.signal(signal.SIGKILL)
        child.close()


def api(code="import signal; signal.pause()"):
    return Child("API", [sys.executable, "-c", code], os.environ)


def test_each_process_goes_once_its_successor_answers(started):
    one, two = api(), api()
    until_gone = [started(child) for child in (one, two)]
    renewal = Renewal([one, two])
    renewal.begin()
    for old, gone in ((one, until_gone[0]), (two, until_gone[1])):
        new = renewal.children[-1]
        assert old in renewal.children
        assert not old.leaving
        started(new)
        new.proven = True
        renewal.answers(new)
        gone()
        assert renewal.ended(old)
    assert len(renewal.children) == 2
    assert not {one, two} & set(renewal.children)


def test_where_a_successor_ends_at_once_what_runs_goes_on(started):
    one, two = api(), api()
    renewal = Renewal([one, two])
    renewal.begin()
    new = renewal.children[-1]
    started(new)
    assert renewal.ended(new)
    assert renewal.children == [one, two]
    assert not renewal.ended(one)  # its end would be an accident, so it is started again
    renewal.begin()
    assert len(renewal.children) == 3


def test_who_ended_by_accident_while_its_successor_started_does_not_come_back(started):
    one = api("pass")
    until_gone = started(one)
    renewal = Renewal([one])
    renewal.begin()
    until_gone()
    assert not renewal.ended(one)
    one.bury()
    new = renewal.children[-1]
    new.proven = True
    renewal.answers(new)
    assert renewal.children == [new]
