"""A request, its job and the job's process tell one story: in their logs, and in one trace."""

import hashlib
import json
import os
import subprocess
import sys
from contextlib import contextmanager

import httpx
import pytest
from collector import collector

from tests.places import database_of

KEY = "a-key-that-nobody-may-read-in-a-log"
WRONG = "a-wrong-key-that-may-not-be-read-either"
SOON = 60


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The story of a rehearsal: its job, its spans, the lines of the service and of its process."""
    home = tmp_path_factory.mktemp("home")
    log = home / "service.log"
    with collector() as found:
        with log.open("w") as stream, up(home, found.url, stream) as client:
            client.get("/jobs", headers={"X-API-Key": WRONG}, params={"api_key": WRONG})
            config = {"steps": 2, "seconds_per_step": 0.01}
            job = client.post("/jobs/rehearse", json=config).raise_for_status()
            wait_for_end(client, job.json()["id"])
        yield {
            "job": job.json()["id"],
            "request": job.headers["X-Request-ID"],
            "log": log.read_text(),
            "lines": [json.loads(li) for li in log.read_text().splitlines() if li[:1] == "{"],
            "spans": found.spans,
            "services": found.services,
        }


@contextmanager
def up(home, traces, stream):
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("CANFUSE_", "OTEL_"))}
    environment = kept | {
        "CANFUSE_HOME": str(home),
        "CANFUSE_DATABASE_URL": database_of(home),
        "CANFUSE_API_KEYS": f"boss:admin:{hashlib.sha256(KEY.encode()).hexdigest()}",
        "OTEL_EXPORTER_OTLP_ENDPOINT": traces,
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "app.cli", "up", "--port", "0"]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=stream, text=True
    )
    try:
        url = process.stdout.readline().split()[2]
        with httpx.Client(base_url=url, timeout=SOON, headers={"X-API-Key": KEY}) as client:
            yield client
        process.terminate()
        assert process.wait(SOON) == 0
    finally:
        process.kill()
        process.communicate()


def wait_for_end(client, job):
    with client.stream("GET", f"/jobs/{job}/events") as stream:
        text = "".join(stream.iter_text())
    assert '"status":"succeeded"' in text.replace(" ", "")


def test_one_trace_leads_from_the_request_to_the_jobs_process(told):
    chain = ["POST /jobs/rehearse", "attempt rehearse", "pipeline rehearse"]
    spans = told["spans"]
    request, attempt, pipeline = (spans[name] for name in chain)
    assert {spans[name].trace_id for name in [*chain, "queue"]} == {request.trace_id}
    assert spans["queue"].parent_span_id
    assert attempt.parent_span_id == spans["queue"].parent_span_id
    assert pipeline.parent_span_id == attempt.span_id
    services = [told["services"][name] for name in chain]
    assert services == ["canfuse-api", "canfuse-worker", "canfuse-job"]


def test_probes_leave_no_traces(told):
    assert not [name for name in told["spans"] if name.endswith(("/livez", "/readyz"))]


def test_api_and_worker_log_the_ids_of_request_job_attempt_and_trace(told):
    lines = [line for line in told["lines"] if line.get("request_id") == told["request"]]
    assert {line["event"] for line in lines} >= {"request", "the attempt begins"}
    begun = next(line for line in lines if line["event"] == "the attempt begins")
    assert (begun["job_id"], begun["attempt"]) == (told["job"], 1)
    trace = told["spans"]["attempt rehearse"].trace_id.hex()
    assert {line["trace_id"] for line in lines} == {trace}


def test_no_key_is_in_the_log(told):
    assert len(told["lines"]) > 5
    assert KEY not in told["log"]
    assert WRONG not in told["log"]
