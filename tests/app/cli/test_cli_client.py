"""What the command line does where the way to the service is not plain."""

import threading

import pytest
from cli_kit import SOON, family, service
from rich.progress import Progress
from service_kit import running, until

from app.cli.progress import Bar
from canfuse_client import Client


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_a_proxy_for_other_machines_is_not_asked_for_this_one(cli, monkeypatch, tmp_path, host):
    with running(tmp_path / "home", host=host.strip("[]")) as here:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        assert cli("jobs", "list", "--url", str(here.client.base_url)) == 0, cli.err


def test_a_stream_is_taken_up_again_after_the_service_was_started_anew(tmp_path):
    with service(tmp_path, "--no-worker") as (process, url), Client(url) as talk:
        job, seen = talk.submit("rehearse").id, []
        follower = threading.Thread(target=lambda: [seen.append(e) for e in talk.follow(job)])
        follower.start()
        until(lambda: seen)
        next(p for p in family(process) if "app.cli.work.api" in p.cmdline()).kill()
        talk.cancel(job)
        follower.join(SOON)
    assert [event.sequence for event in seen] == list(range(1, len(seen) + 1))
    assert seen[-1].status == "cancelled"


def test_a_measured_value_that_is_undefined_is_shown_as_such():
    with Progress() as shown:
        Bar(shown, "train").figures({"f1": None, "loss": 0.25})
        assert shown.tasks[0].fields["message"] == "f1 n/a  loss 0.25"
