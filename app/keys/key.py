"""An API key as the service knows it: by what it hashes to."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Self, get_args

Scope = Literal["read", "score", "jobs", "vehicles", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class ApiKey:
    """A key, known by its digest only.

    Attributes:
        name: whose it is, for the log.
        scopes: what it allows; `admin` allows everything.
        digest: SHA-256 of the key, which is random and long: nothing slower would make it safer.
        per_minute: requests that it may make in a minute; None leaves that to the settings.
    """

    name: str
    scopes: frozenset[str]
    digest: bytes = field(repr=False)
    per_minute: int | None = None

    @classmethod
    def parse(cls, entry: str) -> Self:
        """Read `name:scope+scope:sha256hex`.

        Raises:
            ValueError: the entry is not of that form; it says why without repeating the digest.
        """
        name, _, rest = entry.partition(":")
        scopes, _, digest = rest.partition(":")
        if not name or not _DIGEST.fullmatch(digest.lower()):
            raise ValueError(f"the API key '{name}' must read name:scope+scope:sha256hex")
        if unknown := set(scopes.split("+")) - set(SCOPES):
            known = ", ".join(SCOPES)
            raise ValueError(
                f"the API key '{name}' has unknown scopes {sorted(unknown)}; there are {known}"
            )
        return cls(name, frozenset(scopes.split("+")), bytes.fromhex(digest))

    def allows(self, scope: str) -> bool:
        """Whether the key may do what needs this scope."""
        return scope in self.scopes or "admin" in self.scopes


def digest_of(presented: str) -> bytes:
    """What a key is known by."""
    return hashlib.sha256(presented.encode()).digest()


def find_key(keys: Sequence[ApiKey], presented: str) -> ApiKey | None:
    """The key that was presented, compared with every one so that time tells nothing."""
    digest = digest_of(presented)
    matches = [hmac.compare_digest(digest, key.digest) for key in keys]
    return next((key for key, same in zip(keys, matches, strict=True) if same), None)
