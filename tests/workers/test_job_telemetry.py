"""What a worker tells of the jobs that it runs."""

from __future__ import annotations

import json
import socket
import urllib.request

from job_kit import eventually, reach, rehearsal, worker_process
from prometheus_client.parser import text_string_to_metric_families as families

from ml.telemetry.logs import bound
from workers.queue import ring
from workers.telemetry import Phases, registry


def sample(name, **labels):
    return registry.get_sample_value(name, labels) or 0.0


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def test_a_job_keeps_the_id_of_the_request_that_asked_for_it(store):
    with bound(request_id="r-42"):
        job = rehearsal(store)
    assert store.events(job.id)[0].data == {
        "event": "state",
        "status": "queued",
        "request_id": "r-42",
    }


def test_the_time_of_an_attempt_is_told_by_phases_without_what_is_a_jobs_own():
    clock = iter([0.0, 10.0, 40.0, 45.0]).__next__
    phases = Phases("made-up", clock)
    phases.enter(None)
    phases.enter("vgae_hcrl_sa_3")
    phases.enter("vgae_hcrl_ch")
    phases.enter("evaluate")
    phases.outcome = "succeeded"
    phases.end()
    name = "canfuse_job_phase_seconds_sum"
    taken = {p: sample(name, kind="made-up", phase=p) for p in ("start", "vgae", "evaluate")}
    assert taken == {"start": 10.0, "vgae": 30.0, "evaluate": 5.0}
    assert sample("canfuse_job_attempts_total", kind="made-up", outcome="succeeded") == 1
    ended = {"kind": "made-up", "outcome": "succeeded"}
    assert sample("canfuse_job_attempt_seconds_sum", **ended) == 45.0


def test_however_many_phases_a_job_invents_few_series_come_of_it():
    phases = Phases("inventive")
    for first in "abcdefghijklm":
        for second in "abcdefghijklm":
            phases.enter(f"{first}{second} phase")
    phases.end()
    counted = [
        s
        for metric in registry.collect()
        for s in metric.samples
        if s.name == "canfuse_job_phase_seconds_count" and s.labels["kind"] == "inventive"
    ]
    assert 10 < len(counted) <= 66


def test_a_worker_logs_whose_job_it_runs_and_tells_prometheus(own_store, broker, settings):
    port = free_port()
    with bound(request_id="r-7"):
        job = rehearsal(own_store, fail=True)
    with worker_process(settings, broker.url, WORKER_METRICS_PORT=port):
        assert ring(job, settings)
        reach(own_store, job, "failed")

        def told():
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                found = {m.name: m for m in families(answer.read().decode())}
            return [s for s in found["canfuse_job_attempts"].samples if s.name.endswith("_total")]

        (attempt,) = eventually(told, "the attempt in the metrics")
    assert attempt.labels == {"kind": "rehearse", "outcome": "failed"}
    lines = map(json.loads, (settings.home / "worker.log").read_text().splitlines())
    begun = next(line for line in lines if line["event"] == "the attempt begins")
    assert (begun["request_id"], begun["job_id"], begun["attempt"]) == ("r-7", job.id, 1)
