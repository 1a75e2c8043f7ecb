"""Where the service is and how to talk to it."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Generator
from importlib.metadata import version
from typing import TypedDict

import httpx

from canfuse_client.errors import WrongUse

LOCAL = "http://127.0.0.1:8000"
# A large log takes its time to be scored.
TIMEOUT = 120.0
CONNECT_TIMEOUT = 10.0


class HttpOptions(TypedDict):
    """What both of httpx's clients take."""

    base_url: str
    auth: httpx.Auth
    timeout: httpx.Timeout
    headers: dict[str, str]
    trust_env: bool


class ApiKey(httpx.Auth):
    """Sends an API key, and shows it nowhere."""

    def __init__(self, key: str | None) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        """Add the header."""
        if self._key:
            request.headers["X-API-Key"] = self._key
        yield request


def http_options(url: str | None, api_key: str | None, timeout: float) -> HttpOptions:
    """Options from arguments, environment and defaults, in this order.

    Raises:
        WrongUse: that is no address.
    """
    address = _checked(url or os.environ.get("CANFUSE_URL") or LOCAL)
    key = api_key or os.environ.get("CANFUSE_API_KEY")
    return HttpOptions(
        base_url=str(address).rstrip("/"),
        auth=ApiKey(key),
        timeout=httpx.Timeout(timeout, connect=min(timeout, CONNECT_TIMEOUT)),
        headers={
            "Accept": "application/json",
            "User-Agent": f"canfuse-client/{version('canfuse-client')}",
        },
        # A proxy that the environment names is for other machines.
        trust_env=not _is_here(address),
    )


def _checked(url: str) -> httpx.URL:
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL:
        address = httpx.URL()
    if address.scheme not in ("http", "https") or not address.host:
        raise WrongUse(
            f"'{url}' is no address of a service.", "Write it like http://127.0.0.1:8000."
        )
    return address


def _is_here(url: httpx.URL) -> bool:
    try:
        return ipaddress.ip_address(url.host).is_loopback
    except ValueError:
        return url.host == "localhost"
