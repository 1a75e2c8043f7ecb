"""Keys that are kept in the database: made, listed and revoked while the service runs."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Engine, Row, exists, insert, or_, select, update

from app.keys.key import SCOPES, ApiKey, Scope, digest_of
from ml.errors import InvalidInput, NotFound
from workers.database import reading
from workers.records import moment
from workers.tables import api_keys, now

LONGEST_NAME = 64
# The id says which key it is, the rest is known to nobody but its owner.
_KEY = re.compile(r"canfuse_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")


class KeyNotFound(NotFound):
    """There is no such API key."""

    slug = "key-not-found"


@dataclass(frozen=True)
class StoredKey:
    """What is known about a key of the database.

    Attributes:
        id: the part of the key that is no secret.
        key: its name and scopes.
    """

    id: str
    key: ApiKey
    created_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None


class KeyStore:
    """The keys of a database. Rows stay when keys are revoked: where keys were, keys are needed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = reading(engine)

    def create(
        self,
        name: str,
        scopes: Collection[Scope],
        *,
        seconds: float | None = None,
        per_minute: int | None = None,
    ) -> tuple[str, str]:
        """Make a key.

        Args:
            name: whose it is.
            scopes: what it allows.
            seconds: how long it is valid; None for ever.
            per_minute: requests that it may make in a minute; None leaves that to the settings.

        Returns:
            Its id, and the key itself, which is not kept anywhere.

        Raises:
            InvalidInput: the name or a scope will not do.
        """
        _check(name, scopes)
        key_id = secrets.token_hex(6)
        key = f"canfuse_{key_id}_{secrets.token_urlsafe(32)}"
        values = {
            "id": key_id,
            "name": name,
            "scopes": sorted(set(scopes)),
            "digest": digest_of(key).hex(),
            "per_minute": per_minute,
            "created_at": now(),
            "expires_at": None if seconds is None else now() + seconds,
        }
        with self._engine.begin() as connection:
            connection.execute(insert(api_keys).values(**values))
        return key_id, key

    def all(self) -> list[StoredKey]:
        """Every key that was ever made, the newest first."""
        with self._reading.begin() as connection:
            rows = connection.execute(select(api_keys).order_by(api_keys.c.created_at.desc()))
            return [_stored(row) for row in rows]

    def revoke(self, key_id: str) -> str:
        """End a key's life, on every server from the next request on; harmless when repeated.

        Returns:
            Its name.

        Raises:
            KeyNotFound: there is no such key.
        """
        ours = api_keys.c.id == key_id
        end = update(api_keys).where(ours, api_keys.c.revoked_at.is_(None))
        with self._engine.begin() as connection:
            connection.execute(end.values(revoked_at=now()))
            name: str | None = connection.scalar(select(api_keys.c.name).where(ours))
        if name is None:
            raise KeyNotFound(f"There is no API key '{key_id}'.", "See `canfuse keys list`.")
        return name

    def find(self, presented: str) -> ApiKey | None:
        """The valid key that has the presented one's id; the caller compares the digests."""
        if (shape := _KEY.fullmatch(presented)) is None:
            return None
        query = select(api_keys).where(api_keys.c.id == shape[1], *_valid())
        with self._reading.begin() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _stored(row).key

    def valid(self, key: ApiKey) -> bool:
        """Whether a key of the database is still valid."""
        ours = api_keys.c.digest == key.digest.hex()
        with self._reading.begin() as connection:
            return bool(connection.scalar(select(exists().where(ours, *_valid()))))

    def exist(self, *, valid: bool = False) -> bool:
        """Whether there are keys: any that were ever made, or such as are valid now."""
        query = select(exists().where(*_valid() if valid else (api_keys.c.id.is_not(None),)))
        with self._reading.begin() as connection:
            return bool(connection.scalar(query))


def _valid() -> tuple[ColumnElement[bool], ...]:
    unexpired = or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > now())
    return (api_keys.c.revoked_at.is_(None), unexpired)


def _check(name: str, scopes: Collection[str]) -> None:
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise InvalidInput(
            f"{name[:80]!r} can be no key's name.", f"Use 1 to {LONGEST_NAME} printable characters."
        )
    if not scopes or not set(scopes) <= set(SCOPES):
        raise InvalidInput(
            "A key needs scopes that there are.", f"Choose from: {', '.join(SCOPES)}."
        )


def _stored(row: Row[*tuple[object, ...]]) -> StoredKey:
    key = ApiKey(row.name, frozenset(row.scopes), bytes.fromhex(row.digest), row.per_minute)
    times = (moment(row.created_at), moment(row.expires_at), moment(row.revoked_at))
    return StoredKey(row.id, key, *times)
