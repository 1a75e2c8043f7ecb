"""Who may call what: an endpoint asks for a scope, a key brings it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, SecurityScopes

from app.errors import Forbidden, Unauthenticated
from app.keys import ApiKey, Scope
from app.problems import problems
from app.state import TheServices

HEADER = "X-API-Key"

_header = APIKeyHeader(
    name=HEADER, auto_error=False, description="Needed where the service has keys configured."
)


def find_key(
    request: Request, services: TheServices, presented: Annotated[str | None, Depends(_header)]
) -> ApiKey | None:
    """The key that the request presents, if it is a valid one."""
    if not services.keys.needed():
        return None
    key = services.keys.find(presented or "")
    request.scope["key_name"] = key.name if key else None
    return key


TheKey = Annotated[ApiKey | None, Depends(find_key)]


def authorise(request: Request, needed: SecurityScopes, services: TheServices, key: TheKey) -> None:
    """Let the request pass if its key allows what the endpoint needs."""
    if not services.keys.needed():
        return  # such a service listens on loopback only
    if key is None:
        found = "The API key is unknown." if HEADER in request.headers else "This needs an API key."
        raise Unauthenticated(found, f"Send a valid key in the header {HEADER}.")
    services.rates.take(key)
    for scope in needed.scopes:
        if not key.allows(scope):
            raise Forbidden(
                f"The key '{key.name}' lacks the scope '{scope}'.", "Use one that has it."
            )


class Rights:
    """What a request may do beyond the scope that its endpoint needs."""

    def __init__(self, services: TheServices, key: TheKey) -> None:
        self._open = not services.keys.needed()
        self._key = key

    def allow(self, scope: Scope) -> bool:
        """Whether it may do what needs this scope."""
        return self._open or (self._key is not None and self._key.allows(scope))


TheRights = Annotated[Rights, Depends()]


def guard(scope: Scope, *statuses: int) -> dict[str, Any]:
    """An endpoint's arguments: the scope that it needs and the problems that it may answer with."""
    return {
        "dependencies": [Security(authorise, scopes=[scope])],
        "responses": problems(401, 403, 422, 429, *statuses),
    }
