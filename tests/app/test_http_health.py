from service_kit import publish, running, until

from workers.broker import EmbeddedBroker

SCORES = {"anomaly_score": [0.2, 0.9], "gat_prob": [0.1, 0.8]}


def test_a_service_is_ready_with_a_broker_and_says_what_is_missing_without(tmp_path):
    with running(tmp_path) as service:
        missing = service.client.get("/readyz")
        assert missing.status_code == 503
        assert missing.json()["checks"]["broker"]["ok"] is False
        assert missing.json()["checks"]["database"]["ok"] is True
        assert service.client.get("/livez").status_code == 200
        with EmbeddedBroker(service.settings.broker_folder):
            ready = service.client.get("/readyz").json()
        assert ready["status"] == "ready"
        assert "No release" in ready["checks"]["release"]["detail"]


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
            'canfuse_http_requests_total{method="POST",route="/score",status="200"} 1.0',
            'canfuse_http_requests_total{method="GET",route="/jobs/{job_id}",status="404"} 1.0',
            'canfuse_http_request_seconds_count{method="POST",route="/score"} 1.0',
        ):
            assert line in told
