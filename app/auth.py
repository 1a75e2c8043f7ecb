"""Who may call what: an endpoint asks for a scope, a key brings it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, SecurityScopes

from app.errors import Forbidden, Unauthenticated
from app.keys import Scope, find_key
from app.problems import problems
from app.state import TheServices

_header = APIKeyHeader(
    name="X-API-Key", auto_error=False, description="Needed where the service has keys configured."
)


Presented = Annotated[str | None, Depends(_header)]


def authorise(
    request: Request, needed: SecurityScopes, services: TheServices, presented: Presented
) -> None:
    """Let the request pass if its key allows what the endpoint needs."""
    keys = services.settings.api_keys
    if not keys:
        return  # such a service listens on loopback only
    if (key := find_key(keys, presented or "")) is None:
        raise Unauthenticated(
            "The API key is unknown." if presented else "This needs an API key.",
            "Send a valid key in the header X-API-Key.",
        )
    request.scope["key_name"] = key.name
    for scope in needed.scopes:
        if not key.allows(scope):
            raise Forbidden(
                f"The key '{key.name}' lacks the scope '{scope}'.", "Use one that has it."
            )


class Rights:
    """What a request may do beyond the scope that its endpoint needs."""

    def __init__(self, services: TheServices, presented: Presented) -> None:
        self._keys = services.settings.api_keys
        self._key = find_key(self._keys, presented or "")

    def allow(self, scope: Scope) -> bool:
        """Whether it may do what needs this scope."""
        return not self._keys or (self._key is not None and self._key.allows(scope))


TheRights = Annotated[Rights, Depends()]


def guard(scope: Scope, *statuses: int) -> dict[str, Any]:
    """An endpoint's arguments: the scope that it needs and the problems that it may answer with."""
    return {
        "dependencies": [Security(authorise, scopes=[scope])],
        "responses": problems(401, 403, 422, *statuses),
    }
