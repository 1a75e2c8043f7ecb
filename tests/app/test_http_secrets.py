"""No secret shows: not in a log, an answer, the documentation, the metrics or an error."""

import hashlib
import logging

import pytest
from service_kit import running, until
from test_http_keys import entry

from app.keys.store import KeyStore
from ml.errors import CanfuseError
from workers.jobs import open_store
from workers.settings import Settings

FIXED, WRONG = "the-key-of-the-settings", "a-key-that-somebody-guessed"
BROKER, DATABASE = "the-brokers-password", "the-databases-password"


def crash():
    raise RuntimeError("a crash")


def conversations(client, stored):
    """Answers of all sorts, each asked for with a secret."""
    for key in (FIXED, stored, WRONG, WRONG + "é"):
        headers = {"X-API-Key": key.encode()}
        for path in (
            "/jobs",
            "/nowhere",
            "/readyz",
            "/metrics",
            "/openapi.json",
            "/docs",
            "/crash",
        ):
            yield client.get(path, headers=headers)
        yield client.get(f"/jobs?limit={key}", headers=headers)
        yield client.delete("/jobs", headers=headers)
        yield client.put("/aliases/production", json={"release": 1}, headers=headers)
        yield client.post("/jobs/rehearse", json={}, headers=headers)


def test_no_secret_is_logged_or_answered(tmp_path, caplog):
    keys = entry("boss", "admin", FIXED)
    broker = f"redis://:{BROKER}@127.0.0.1:1/0"
    caplog.set_level(logging.DEBUG)
    for client in ("httpx", "httpcore"):  # the caller's own log
        caplog.set_level(logging.WARNING, client)
    with running(
        tmp_path, api_keys=keys, redis_url=broker, extend=lambda app: app.get("/crash")(crash)
    ) as service:
        engine = open_store(service.settings).engine
        stored_id, stored = KeyStore(engine).create("me", ["read"])
        engine.dispose()
        answers = list(conversations(service.client, stored))
        until(lambda: "was not rung" in caplog.text)
    assert {401, 403, 404, 405, 422, 500} <= {answer.status_code for answer in answers}
    assert "a crash" in caplog.text  # what is logged is what is looked through
    secrets = [FIXED, WRONG, stored, stored.rsplit("_", 1)[1], BROKER]
    secrets += [hashlib.sha256(key.encode()).hexdigest() for key in (FIXED, stored)]
    told = [caplog.text, *(f"{answer.headers}{answer.text}" for answer in answers)]
    # The address that was asked for is the caller's own and is named in the problem.
    found = {
        secret
        for secret in secrets
        for text in told
        if secret in text.replace(f"limit={secret}", "")
    }
    assert found == set()
    assert stored_id in stored


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_a_database_that_does_not_answer_is_told_of_without_its_password(scheme):
    settings = Settings(database_url=f"{scheme}://me:{DATABASE}@127.0.0.1:1/x")
    with pytest.raises(CanfuseError) as caught:
        open_store(settings)
    shown = f"{caught.value}{caught.value.to_dict()}"
    assert DATABASE not in shown
    assert "database" in shown
