import json

from app.cli.places import load_settings
from app.keys.store import KeyStore
from workers.jobs import open_store


def test_a_key_is_shown_once_then_listed_and_revoked(cli):
    assert cli("keys", "create", "gateway", "--scope", "read", "--scope", "score", "--rate", 9) == 0
    key = cli.out.strip()
    assert KeyStore(open_store(load_settings()).engine).find(key).per_minute == 9
    [listed] = cli.json("keys", "list", "--json")
    assert (listed["name"], listed["scopes"], listed["state"]) == ("gateway", "read score", "valid")
    assert cli("keys", "list") == 0
    assert listed["id"] in cli.out
    assert key.rsplit("_", 1)[1] not in cli.out + json.dumps(listed)
    assert cli("keys", "revoke", listed["id"]) == 0
    assert cli.json("keys", "list", "--json")[0]["state"] == "revoked"


def test_a_key_that_has_expired_is_listed_as_such(cli):
    assert cli("keys", "create", "late", "--scope", "read", "--days", 0) == 0
    assert cli.json("keys", "list", "--json")[0]["state"] == "expired"


def test_an_unknown_scope_or_key_is_named(cli):
    assert cli("keys", "create", "me", "--scope", "fly") == 2
    assert "read, score, jobs" in cli.error
    assert cli("keys", "revoke", "nobody") == 2
    assert "canfuse keys list" in cli.error
