"""What the log says of a request, and what it keeps to itself."""

from __future__ import annotations

import hashlib
import io
import json
import logging

import pytest
from service_kit import publish, running, until

from app.keys import ApiKey
from ml.telemetry.logs import configure_logs

SCORES = {"anomaly_score": [0.2, 0.9], "gat_prob": [0.1, 0.8]}
KEY, WRONG, PASSWORD = "key-of-the-house", "key-of-another-house", "password-of-the-broker"


@pytest.fixture
def log():
    """Collects what this process logs as JSON; afterwards logging is as it was."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    text = io.StringIO()
    configure_logs("debug", "json", [PASSWORD], text)
    yield text
    root.handlers[:] = before
    root.setLevel(level)


def test_a_scoring_is_logged_with_its_request_and_its_release(log, tmp_path):
    with running(tmp_path / "home") as service:
        version = publish(service.store, tmp_path)
        until(lambda: service.client.get("/aliases").json()["in_use"])
        service.client.post("/score", json=SCORES, headers={"X-Request-ID": "r-1"})
        service.client.get("/releases", headers={"X-Request-ID": "r-2"})
    lines = {line.get("request_id"): line for line in map(json.loads, log.getvalue().splitlines())}
    scored, other = lines["r-1"], lines["r-2"]
    assert (scored["path"], scored["status"], scored["release"]) == ("/score", 200, version)
    assert scored["milliseconds"] > 0
    assert "release" not in other


def test_neither_keys_nor_passwords_are_logged(log, tmp_path):
    key = ApiKey("owner", frozenset({"admin"}), hashlib.sha256(KEY.encode()).digest())
    broker = f"redis://:{PASSWORD}@127.0.0.1:1/0"
    with running(tmp_path, api_keys=(key,), redis_url=broker) as service:
        for presented in (KEY, WRONG):
            headers = {"X-API-Key": presented, "Authorization": f"Bearer {presented}"}
            service.client.get("/jobs", headers=headers, params={"api_key": presented})
            service.client.post("/jobs/rehearse", headers=headers, json={})
            service.client.post("/score", headers=headers, content=presented)
            service.client.get("/readyz", headers=headers)
    said = log.getvalue()
    assert len(said.splitlines()) >= 8
    assert not [secret for secret in (KEY, WRONG, PASSWORD) if secret in said]
    lines = [json.loads(line) for line in said.splitlines()]
    used = {(line["path"], line["status"], line.get("key")) for line in lines if "path" in line}
    assert {("/jobs", 200, "owner"), ("/jobs", 401, None)} <= used
