"""`canfuse keys`: the keys in the database."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from app.cli.places import load_settings
from app.cli.terminal import note, say, show, table, write
from app.keys import Scope
from app.keys.store import KeyStore, StoredKey
from workers.jobs import open_store

SECONDS_A_DAY = 86_400


def create(
    home: Path | None, name: str, scopes: Sequence[str], days: float | None, rate: int | None
) -> None:
    """Make a key and print it."""
    seconds = None if days is None else days * SECONDS_A_DAY
    with _keys(home) as keys:
        wanted = cast("Sequence[Scope]", scopes)  # the store checks them
        key_id, key = keys.create(name, wanted, seconds=seconds, per_minute=rate)
    say(key)
    note(f"This is the key {key_id} of {name}. It is kept nowhere: keep it now.")


def list_keys(home: Path | None, *, as_json: bool) -> None:
    """List the keys, the newest first."""
    with _keys(home) as keys:
        found = keys.all()
    if as_json:
        write(json.dumps([_facts(key) for key in found], indent=1) + "\n")
        return
    made = table("Key", "Name", "Scopes", "Rate", "Created", "Expires", "State")
    for facts in map(_facts, found):
        made.add_row(*(str(value or "") for value in facts.values()))
    show(made)


def revoke(home: Path | None, key_id: str) -> None:
    """End a key's life."""
    with _keys(home) as keys:
        name = keys.revoke(key_id)
    say(f"The key {key_id} of {name} is revoked.")


@contextmanager
def _keys(home: Path | None) -> Iterator[KeyStore]:
    engine = open_store(load_settings(home)).engine
    try:
        yield KeyStore(engine)
    finally:
        engine.dispose()


def _facts(stored: StoredKey) -> dict[str, str | int | None]:
    return {
        "id": stored.id,
        "name": stored.key.name,
        "scopes": " ".join(sorted(stored.key.scopes)),
        "rate": stored.key.per_minute,
        "created": _minute(stored.created_at),
        "expires": _minute(stored.expires_at),
        "state": _state(stored),
    }


def _state(stored: StoredKey) -> str:
    if stored.revoked_at is not None:
        return "revoked"
    expired = stored.expires_at is not None and stored.expires_at < datetime.now(UTC)
    return "expired" if expired else "valid"


def _minute(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="minutes")
