"""Keys of the database: they open, and stop opening, every server at once."""

import hmac
import os
import sqlite3
from contextlib import contextmanager

import pytest
from service_kit import running, until
from sqlalchemy import text
from test_http_keys import KEYS, ask

from app.keys.store import KeyStore
from app.listening import OpenToAll, listen
from app.settings import Settings
from ml.errors import InvalidInput, NotFound
from tests.places import ON_POSTGRES, database_of
from workers.broker import EmbeddedBroker
from workers.jobs import open_store

ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - what must be refused, or allowed with keys


@contextmanager
def keys_of(settings):
    engine = open_store(settings).engine
    yield KeyStore(engine)
    engine.dispose()


def settings_of(home):
    return Settings(home=home, database_url=database_of(home))


@pytest.fixture
def keys(tmp_path):
    with keys_of(settings_of(tmp_path)) as keys:
        yield keys


on_a_file = pytest.mark.skipif(ON_POSTGRES in os.environ, reason="breaks the database's file")


def lose_keys(home):
    """Make the database fail at whatever is asked about keys."""
    with sqlite3.connect(home / "canfuse.db") as database:
        database.execute("ALTER TABLE api_keys RENAME TO lost")
    database.close()


def statuses(servers, key, path="/jobs"):
    return [ask(server, "GET", path, key).status_code for server in servers]


def test_a_key_opens_every_running_server_and_once_it_is_revoked_none(tmp_path, keys):
    with running(tmp_path) as first, running(tmp_path) as second:
        both = (first, second)
        assert statuses(both, None) == [200, 200]  # nobody has made a key yet
        key_id, key = keys.create("me", ["read"])
        until(lambda: statuses(both, None) == [401, 401])
        assert statuses(both, key) == [200, 200]
        assert ask(first, "POST", "/jobs/rehearse", key, json={}).status_code == 403
        keys.revoke(key_id)
        assert statuses(both, key) == [401, 401]
        assert statuses(both, None) == [401, 401]  # the end of the last key lets nobody in


def test_a_stream_ends_soon_after_its_key_is_revoked(tmp_path, keys):
    key_id, key = keys.create("me", ["read", "jobs"])
    quick = {"sse_heartbeat_seconds": 0.05, "sse_poll_seconds": 0.02}
    with running(tmp_path, **quick) as service:
        job = ask(service, "POST", "/jobs/rehearse", key, json={}).json()
        headers = {"X-API-Key": key}
        with service.client.stream("GET", job["links"]["events"], headers=headers) as stream:
            lines = stream.iter_lines()
            signs = (line for line in lines if line == ": still here")
            assert next(signs)
            assert next(signs)  # it goes on while the key is valid
            keys.revoke(key_id)
            assert not any("succeeded" in line for line in lines)  # it has come to its end


def test_whatever_is_wrong_with_a_key_is_told_alike_and_found_in_the_same_steps(
    tmp_path, keys, monkeypatch
):
    revoked_id, revoked = keys.create("gone", ["read"])
    keys.revoke(revoked_id)
    _, expired = keys.create("late", ["read"], seconds=0)
    _, good = keys.create("good", ["read"])
    altered_end, altered_start = good[:-1] + ("a" if good[-1] != "a" else "b"), good[:21]
    altered_start += ("a" if good[21] != "a" else "b") + good[22:]
    unknown = f"canfuse_{'0' * 12}_{'x' * 43}"
    compared, compare = [], hmac.compare_digest

    def counting(a, b):
        compared.append((len(a), len(b)))
        return compare(a, b)

    monkeypatch.setattr(hmac, "compare_digest", counting)
    with running(tmp_path, api_keys=KEYS) as service:
        assert ask(service, "GET", "/jobs", good).status_code == 200
        told, steps = [], []
        for wrong in (revoked, expired, altered_start, altered_end, unknown, "nonsense"):
            compared.clear()
            answer = ask(service, "GET", "/jobs", wrong)
            told.append((answer.status_code, answer.json()["type"], answer.json()["detail"]))
            steps.append(tuple(compared))
    assert set(told) == {(401, "/problems/unauthenticated", "The API key is unknown.")}
    assert set(steps) == {((32, 32),) * 6}  # the five of the settings, and one of the database


def test_a_refusal_names_the_way_to_authenticate(tmp_path):
    with running(tmp_path, api_keys=KEYS) as service:
        assert "X-API-Key" in ask(service, "GET", "/jobs").headers["WWW-Authenticate"]


def test_the_database_does_not_hold_what_would_open_the_service(tmp_path, keys):
    _, key = keys.create("me", ["read"])
    with open_store(settings_of(tmp_path)).engine.connect() as connection:
        held = repr(connection.execute(text("SELECT * FROM api_keys")).all())
    assert "'me'" in held
    for told in (held, repr(keys.all())):
        assert key not in told
        assert key.rsplit("_", 1)[1] not in told


@on_a_file
def test_keys_of_the_settings_open_the_service_also_while_the_database_is_away(tmp_path, keys):
    _, stored = keys.create("me", ["read"])
    with running(tmp_path, api_keys=KEYS) as service:
        assert statuses([service], stored, "/releases") == [200]
        lose_keys(tmp_path)
        assert statuses([service], "k-read", "/releases") == [200]
        assert statuses([service], stored, "/releases") == [503]


@on_a_file
def test_a_database_that_goes_away_before_the_first_request_lets_nobody_in(tmp_path, keys):
    _, stored = keys.create("me", ["admin"])
    with running(tmp_path) as service:
        lose_keys(tmp_path)
        assert statuses([service], None, "/releases") == [401]
        assert statuses([service], stored, "/releases") == [503]


def test_beyond_loopback_a_valid_key_is_needed_to_listen(tmp_path, keys):
    database = database_of(tmp_path)
    settings = Settings(home=tmp_path, host=ANY_ADDRESS, port=0, database_url=database)
    keys.create("late", ["read"], seconds=0)
    with pytest.raises(OpenToAll, match="canfuse keys create"):
        listen(settings)
    key_id, _ = keys.create("me", ["read"])
    listen(settings).close()
    keys.revoke(key_id)
    with pytest.raises(OpenToAll):
        listen(settings)


def test_a_key_makes_so_many_requests_in_a_minute_over_all_servers(tmp_path, keys):
    _, few = keys.create("few", ["read"], per_minute=4)
    _, other = keys.create("other", ["read"])
    with (
        EmbeddedBroker(Settings(home=tmp_path).broker_folder),
        running(tmp_path) as first,
        running(tmp_path) as second,
    ):
        assert statuses((first, second) * 3, few) == [200] * 4 + [429] * 2
        refused = ask(first, "GET", "/jobs", few)
        assert refused.json()["type"] == "/problems/too-many-requests"
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert statuses((first, second), other) == [200, 200]


def test_without_a_broker_each_server_counts_alone(tmp_path, keys):
    _, few = keys.create("few", ["read"], per_minute=2)
    with running(tmp_path) as first, running(tmp_path) as second:
        assert statuses([first] * 3, few) == [200, 200, 429]
        assert statuses([second] * 3, few) == [200, 200, 429]


def test_keys_of_the_settings_are_counted_by_the_general_rate(tmp_path):
    with running(tmp_path, api_keys=KEYS, key_rate=2) as service:
        assert statuses([service] * 3, "k-read") == [200, 200, 429]
        assert statuses([service], "k-score") == [200]


@pytest.mark.parametrize(
    ("name", "scopes"), [("", ["read"]), ("a\nb", ["read"]), ("me", []), ("me", ["fly"])]
)
def test_a_key_that_cannot_be_is_not_made(keys, name, scopes):
    with pytest.raises(InvalidInput):
        keys.create(name, scopes)
    assert not keys.exist()


def test_a_key_that_is_not_there_cannot_be_revoked(keys):
    with pytest.raises(NotFound, match="no API key 'nobody'"):
        keys.revoke("nobody")
