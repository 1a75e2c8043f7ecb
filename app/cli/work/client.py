"""Talks to a running service over HTTP."""

from __future__ import annotations

import ipaddress
import json
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import httpx

from app.cli.work.refusals import check, told
from ml.errors import Unavailable
from workers.tables import TERMINAL

# How long to wait before each attempt to take up a broken stream: over a minute in all.
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0)


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
        with told(self.url):
            # A proxy that the environment names is for other machines.
            self._http = httpx.Client(
                base_url=self.url, headers=headers, timeout=120, trust_env=not _is_here(self.url)
            )

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

    def put(self, path: str, body: Any) -> Any:
        """PUT JSON and parse the JSON answer."""
        return self._call("PUT", path, json=body).json()

    def send(
        self, path: str, content: bytes, media: str, method: str = "POST", **query: Any
    ) -> Any:
        """Send bytes and parse the JSON answer; queries that are None are left out."""
        chosen = {name: value for name, value in query.items() if value is not None}
        headers = {"Content-Type": media}
        answer = self._call(method, path, content=content, headers=headers, params=chosen or None)
        return answer.json()

    def delete(self, path: str) -> None:
        """DELETE what is there."""
        self._call("DELETE", path)

    def download(self, path: str) -> Iterator[bytes]:
        """GET a file in pieces."""
        with told(self.url), self._http.stream("GET", path) as answer:
            check(answer)
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
        with told(self.url), self._http.stream("GET", path, headers=headers) as answer:
            if answer.status_code == httpx.codes.NO_CONTENT:
                raise _Ended
            check(answer)
            for line in answer.iter_lines():
                if line.startswith("data:"):  # ours come one line each
                    yield json.loads(line.removeprefix("data:"))

    def _call(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        with told(self.url):
            answer = self._http.request(method, path, **arguments)
            check(answer)
            return answer


def _is_here(url: str) -> bool:
    """Whether an address is this machine's own."""
    host = httpx.URL(url).host
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Ended(Exception):
    """The job has ended, and its last event is known."""
