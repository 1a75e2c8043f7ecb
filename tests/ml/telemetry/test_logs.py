"""What a line of the log says, and what it never says."""

from __future__ import annotations

import io
import json
import logging
import time

import pytest

from ml.telemetry.logs import bound, configure_logs

log = logging.getLogger("canfuse.test")


@pytest.fixture
def logged():
    """Configures logs into a text and gives it; afterwards logging is as it was."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    text = io.StringIO()

    def configure(**options):
        configure_logs(stream=text, **options)
        return text

    yield configure
    root.handlers[:] = before
    root.setLevel(level)


def break_on(said):
    """Log a crash whose frames hold what was said."""

    def crash(local):
        raise ConnectionError(local)

    try:
        crash(said)
    except ConnectionError:
        log.exception("it broke")


def test_a_line_is_one_json_object_with_the_ids_that_are_bound(logged):
    text = logged()
    with bound(request_id="r-1", job_id="j-1"):
        log.info("it is %s", "done", extra={"status": 200})
    log.info("later")
    first, second = map(json.loads, text.getvalue().splitlines())
    assert first["event"] == "it is done"
    assert (first["request_id"], first["job_id"], first["status"]) == ("r-1", "j-1", 200)
    assert (first["level"], first["logger"]) == ("info", "canfuse.test")
    assert "request_id" not in second


def test_a_crash_is_one_line_too(logged):
    text = logged()
    break_on("two\nlines")
    (line,) = text.getvalue().splitlines()
    assert "ConnectionError: two" in json.loads(line)["exception"]


def test_lines_for_people_cannot_be_forged(logged):
    text = logged(style="text")
    log.info("request\n12:00:00 [info] all is well", extra={"path": "/x\n12:00:00 forged"})
    assert len(text.getvalue().splitlines()) == 1


@pytest.mark.parametrize("style", ["json", "text"])
@pytest.mark.parametrize(
    "said",
    [
        "at postgresql+psycopg://canfuse:S3cretWord@db:5432/canfuse",
        "at redis://:S3cretWord@valkey:6379/0",
        "X-API-Key: S3cretWord",
        "{'api_key': 'S3cretWord', 'x': 1}",
        "CANFUSE_API_KEYS=S3cretWord",
        "Authorization: Bearer S3cretWord",
        "the word S3cretWord is known to be one",
    ],
)
def test_no_line_shows_a_secret(logged, style, said):
    known = ["S3cretWord"] if "known" in said else []
    text = logged(style=style, secrets=known)
    log.warning(said)
    log.warning("by a field", extra={"from": said})
    break_on(said)
    assert "S3cretWord" not in text.getvalue()
    assert text.getvalue().count("***") >= 3


def test_a_field_whose_name_calls_it_secret_is_hidden(logged):
    text = logged()
    log.warning("refused", extra={"api_key": "S3cretWord", "kind": "fusion"})
    line = json.loads(text.getvalue())
    assert (line["api_key"], line["kind"]) == ("***", "fusion")


@pytest.mark.parametrize("path", ["a-" * 8_000, "://:" * 4_000, "password" * 2_000])
def test_no_path_of_a_request_takes_long_to_log(logged, path):
    text = logged()
    began = time.process_time()
    log.info("request", extra={"path": path})
    assert time.process_time() - began < 1
    assert json.loads(text.getvalue())["path"] == path
