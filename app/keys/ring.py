"""Finds the key that a request presents, among those of the settings and of the database."""

from __future__ import annotations

import hmac
import time
from collections.abc import Sequence

from app.keys.key import ApiKey, digest_of, find_key
from app.keys.store import KeyStore
from workers.database import DatabaseUnavailable

LOOK_SECONDS = 1.0
_NOBODY = ApiKey("", frozenset(), bytes(32))


class KeyRing:
    """All keys that open this service.

    Those of the settings are found without the database, so they open it also while that is away.
    Those of the database are looked up with each request: one that is revoked opens nothing more.

    Args:
        fixed: the keys of the settings.
        store: the keys of the database.
        exposed: whether others than this machine can reach the service.

    Raises:
        DatabaseUnavailable: it does not tell whether there are keys.
    """

    def __init__(self, fixed: Sequence[ApiKey], store: KeyStore, *, exposed: bool) -> None:
        self._fixed = fixed
        self._store = store
        # Known before the first request: a database that goes away then must let nobody in.
        self._needed = exposed or bool(fixed) or store.exist()
        self._looked_at = time.monotonic()

    def needed(self) -> bool:
        """Whether a request needs a key: for good once there has been one."""
        if not self._needed and time.monotonic() - self._looked_at > LOOK_SECONDS:
            self._looked_at = time.monotonic()
            self._needed = self._were_made()
        return self._needed

    def find(self, presented: str) -> ApiKey | None:
        """The valid key that was presented.

        One that is unknown, wrong, expired or revoked takes the same steps: time tells nothing.

        Raises:
            DatabaseUnavailable: it may be one of the database, which does not answer.
        """
        if (fixed := find_key(self._fixed, presented)) is not None:
            return fixed
        stored = self._store.find(presented) or _NOBODY
        same = hmac.compare_digest(digest_of(presented), stored.digest)
        return stored if same and stored is not _NOBODY else None

    def still_valid(self, key: ApiKey | None) -> bool:
        """Whether a key found before is valid still; None where none was needed then."""
        if key is None:
            return not self.needed()
        return key in self._fixed or self._store.valid(key)

    def _were_made(self) -> bool:
        try:
            return self._store.exist()
        except DatabaseUnavailable:
            return False  # there was none a moment ago, and what scores need not wait
