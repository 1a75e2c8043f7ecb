"""Talks to a running service over HTTP."""

from __future__ import annotations

import ipaddress
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import httpx

from ml.errors import CanfuseError, Conflict, InvalidInput, NotFound, Unavailable
from workers.tables import TERMINAL

# How long to wait before each attempt to take up a broken stream: over a minute in all.
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0)
_FAMILIES: dict[int, type[CanfuseError]] = {404: NotFound, 409: Conflict}


class Client:
    """A service at an address; use it as a context manager.

    Args:
        url: where it listens.
        key: API key, where it needs one.

    Raises:
        Unavailable: nobody answers there.
        CanfuseError: the service's own refusal, with its words.
    """

    def __init__(self, url: str, key: str | None = None) -> None:
        self.url = url.rstrip("/")
        headers = {"X-API-Key": key} if key else {}
        try:
            # A proxy that the environment names is for other machines.
            self._http = httpx.Client(
                base_url=self.url, headers=headers, timeout=120, trust_env=not _is_here(self.url)
            )
        except httpx.InvalidURL as error:
            raise _bad_url(url) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """GET and parse the JSON answer; queries that are None are left out."""
        chosen = {name: value for name, value in query.items() if value is not None}
        return self._call("GET", path, params=chosen).json()

    def post(self, path: str, body: Any = None) -> Any:
        """POST JSON and parse the JSON answer."""
        return self._call("POST", path, json=body).json()

    def send(self, path: str, content: bytes, media: str) -> Any:
        """POST bytes of a media type and parse the JSON answer."""
        return self._call("POST", path, content=content, headers={"Content-Type": media}).json()

    def download(self, path: str) -> Iterator[bytes]:
        """GET a file in pieces."""
        with self._told(), self._http.stream("GET", path) as answer:
            _check(answer)
            yield from answer.iter_bytes()

    def follow(self, job_id: str, after: int = 0) -> Iterator[dict[str, Any]]:
        """The job's events as they come, to the last; a broken stream is taken up again."""
        failures = 0
        while True:
            try:
                for event in self._stream(job_id, after):
                    after, failures = event["sequence"], 0
                    yield event
                    if event["event"] == "state" and event["status"] in TERMINAL:
                        return
            except _Ended:
                return
            except Unavailable:
                if failures == len(PAUSES):
                    raise
                time.sleep(PAUSES[failures])
                failures += 1

    def _stream(self, job_id: str, after: int) -> Iterator[dict[str, Any]]:
        """The events of one stream, for as long as it lasts."""
        headers = {"Last-Event-ID": str(after)} if after else {}
        path = f"/jobs/{job_id}/events"
        with self._told(), self._http.stream("GET", path, headers=headers) as answer:
            if answer.status_code == httpx.codes.NO_CONTENT:
                raise _Ended
            _check(answer)
            for line in answer.iter_lines():
                if line.startswith("data:"):  # ours come one line each
                    yield json.loads(line.removeprefix("data:"))

    def _call(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        with self._told():
            answer = self._http.request(method, path, **arguments)
            _check(answer)
            return answer

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say the library's errors in our own words."""
        try:
            yield
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise _bad_url(self.url) from error
        except httpx.ConnectError as error:
            raise Unavailable(
                f"No service answers at {self.url}.",
                "Start one with `canfuse up`, or name it by --url or CANFUSE_URL.",
            ) from error
        except httpx.TransportError as error:
            raise Unavailable(
                f"The connection to {self.url} broke: {type(error).__name__}.", "Try again."
            ) from error


def _bad_url(url: str) -> InvalidInput:
    return InvalidInput(
        f"'{url}' is no address of a service.", "Write it like http://127.0.0.1:8000."
    )


def _is_here(url: str) -> bool:
    """Whether an address is this machine's own."""
    host = httpx.URL(url).host
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Ended(Exception):
    """The job has ended, and its last event is known."""


def _check(answer: httpx.Response) -> None:
    """Raise the problem that an answer tells of."""
    if answer.is_success:
        return
    answer.read()
    try:
        problem = answer.json()
        detail, hint = problem["detail"], problem.get("hint", "")
    except (ValueError, KeyError, TypeError):
        detail, hint = (
            f"The service answered {answer.status_code}.",
            "Is it canfuse that listens there?",
        )
    default = (
        Unavailable if answer.status_code >= 500 or answer.status_code == 429 else InvalidInput
    )
    raise _FAMILIES.get(answer.status_code, default)(detail, hint)
