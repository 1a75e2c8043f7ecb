import socket
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from service_kit import SOON, publish, running, until

from app.keys import ApiKey
from app.state import TheServices
from ml.evaluation.drift import references
from workers.broker import EmbeddedBroker

SCORES = {"anomaly_score": [0.2, 0.9], "gat_prob": [0.1, 0.8]}


def ready(service):
    answer = service.client.get("/readyz")
    failing = {name for name, c in answer.json()["checks"].items() if not c["ok"]}
    return answer.status_code, failing


@contextmanager
def hanging(home, **settings):
    """A service whose slots for scoring are all taken, and a way to let go of them."""
    over = threading.Event()

    def extend(app):
        @app.get("/hang")
        async def hang(services: TheServices) -> bool:
            return await services.gate.run(lambda: over.wait(SOON))

    with running(home, extend, **settings) as service, ThreadPoolExecutor() as threads:
        slots = service.settings.score_slots
        calls = [threads.submit(service.client.get, "/hang") for _ in range(slots)]
        until(lambda: sample(service, "canfuse_score_running") == slots)

        def let_go():
            over.set()
            assert [call.result().status_code for call in calls] == [200] * slots

        yield service, let_go
        over.set()


def test_without_a_broker_a_service_takes_jobs_and_says_that_they_wait(tmp_path):
    with running(tmp_path) as service:
        assert ready(service) == (200, {"broker"})
        assert service.client.get("/readyz").json()["status"] == "degraded"
        assert service.client.post("/jobs/rehearse", json={}).status_code == 202
        with EmbeddedBroker(service.settings.broker_folder):
            told = service.client.get("/readyz").json()
        assert told["status"] == "ready"
        assert "No release" in told["checks"]["release"]["detail"]


def test_without_a_database_a_service_is_alive_but_not_ready(tmp_path):
    with running(tmp_path) as service:
        with sqlite3.connect(tmp_path / "canfuse.db") as database:
            database.execute("ALTER TABLE jobs RENAME TO lost")
        database.close()
        assert ready(service) == (503, {"broker", "database"})
        problem = service.client.get("/readyz").json()
        assert problem["type"] == "/problems/not-ready"
        assert "database" in problem["detail"]
        assert service.client.get("/livez").status_code == 200
        told = service.client.get("/metrics")
        assert told.status_code == 200
        assert "canfuse_queue_depth" not in told.text


def test_with_a_full_disk_a_service_is_alive_but_not_ready(tmp_path):
    with running(tmp_path, min_free_bytes=1 << 60) as service:
        assert ready(service) == (503, {"broker", "storage"})
        assert service.client.get("/livez").status_code == 200


def test_a_service_whose_scoring_hangs_asks_to_be_restarted(tmp_path):
    with hanging(tmp_path, stuck_seconds=0.05, score_slots=2) as (service, let_go):
        assert until(lambda: ready(service)[0] == 503)
        assert "scoring" in ready(service)[1]
        stuck = service.client.get("/livez")
        assert (stuck.status_code, stuck.json()["hint"]) == (503, "Restart the service.")
        let_go()
        assert service.client.get("/livez").status_code == 200


def test_scorings_that_take_long_do_not_hang(tmp_path):
    with hanging(tmp_path, stuck_seconds=60, score_slots=1) as (service, _):
        assert ready(service) == (200, {"broker"})
        assert service.client.get("/livez").status_code == 200


def test_a_release_in_use_is_told(tmp_path):
    with running(tmp_path / "home") as service:
        version = publish(service.store, tmp_path)
        until(lambda: service.client.get("/aliases").json()["in_use"])
        assert version in service.client.get("/readyz").json()["checks"]["release"]["detail"]


def test_metrics_count_requests_windows_and_jobs(tmp_path):
    with running(tmp_path / "home") as service:
        version = publish(service.store, tmp_path)
        until(lambda: service.client.get("/aliases").json()["in_use"])
        service.client.post("/score", json=SCORES)
        service.client.post("/jobs/rehearse", json={})
        service.client.get("/jobs/nowhere")
        told = service.client.get("/metrics").text.splitlines()
        for line in (
            f'canfuse_scored_windows_total{{release="{version}"}} 2.0',
            f'canfuse_release_in_use{{release="{version}"}} 1.0',
            'canfuse_jobs{status="queued"} 1.0',
            'canfuse_queue_depth{queue="cpu"} 1.0',
            'canfuse_queue_running{queue="cpu"} 0.0',
            'canfuse_queue_depth{queue="gpu"} 0.0',
            'canfuse_score_seconds_count{form="scores"} 1.0',
            'canfuse_score_windows_sum{form="scores"} 2.0',
            "canfuse_score_running 0.0",
            'canfuse_http_requests_total{method="POST",route="/score",status="200"} 1.0',
            'canfuse_http_requests_total{method="GET",route="/jobs/{job_id}",status="404"} 1.0',
            'canfuse_http_request_seconds_count{method="POST",route="/score"} 1.0',
        ):
            assert line in told


def test_the_age_of_the_oldest_waiting_job_is_told(tmp_path):
    with running(tmp_path / "home") as service:
        service.client.post("/jobs/rehearse", json={})
        name = "canfuse_queue_oldest_seconds"
        assert 0 < sample(service, name, queue="cpu") < sample(service, name, queue="cpu")
        assert sample(service, name, queue="gpu") == 0


def test_scores_unlike_those_of_the_training_cache_are_told_as_drift(tmp_path):
    benign = np.random.default_rng(0).beta(2, 20, 1_000)
    card = references({"anomaly_score": benign, "gat_prob": benign})
    with running(tmp_path / "home") as service:
        version = publish(service.store, tmp_path, metrics={"score_references": card})
        until(lambda: service.client.get("/aliases").json()["in_use"])

        def drift(score, **columns):
            service.client.post("/score", json=columns).raise_for_status()
            return sample(service, "canfuse_score_drift_psi", release=version, score=score)

        few = {"anomaly_score": [0.1] * 10, "gat_prob": [0.1] * 10}
        assert drift("gat_prob", **few) is None
        columns = {"anomaly_score": benign.tolist(), "gat_prob": (benign + 0.3).tolist()}
        assert drift("anomaly_score", **columns) < 0.1
        assert drift("gat_prob", **columns) > 0.25


@pytest.mark.parametrize(
    "card", [{"gat_prob": 3}, {}, references({"vehicle": [0.1, 0.2], "another_score": [0.1]})]
)
def test_a_release_without_references_has_no_drift_and_scores_all_the_same(tmp_path, card):
    with running(tmp_path / "home") as service:
        publish(service.store, tmp_path, metrics={"score_references": card})
        until(lambda: service.client.get("/aliases").json()["in_use"])
        assert service.client.post("/score", json=SCORES).status_code == 200
        assert "canfuse_score_drift_psi{" not in service.client.get("/metrics").text


def test_metrics_have_a_port_of_their_own_where_one_is_set(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    keys = (ApiKey("nobody", frozenset({"score"}), b"0" * 32),)
    with running(tmp_path, metrics_port=port, api_keys=keys) as service:
        assert service.client.get("/metrics").status_code == 401
        told = httpx.get(f"http://127.0.0.1:{port}/metrics")
        assert "canfuse_queue_depth" in told.text
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics")


def sample(service, name, **labels):
    """The value of a series, None where it is not told."""
    found = text_string_to_metric_families(service.client.get("/metrics").text)
    values = [s.value for m in found for s in m.samples if s.name == name and s.labels == labels]
    return values[0] if values else None
