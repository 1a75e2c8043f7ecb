"""The client for programs without an event loop."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from functools import wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import httpx

from canfuse_client.connection import Connection
from canfuse_client.operations import Operations
from canfuse_client.patience import Retries
from canfuse_client.settings import TIMEOUT, http_options
from canfuse_client.wires import BlockingWire

P = ParamSpec("P")
T = TypeVar("T")


def _finished(work: Coroutine[Any, Any, T]) -> T:
    """The outcome of a coroutine over a blocking wire, which never waits for an event loop."""
    try:
        work.send(None)
    except StopIteration as end:
        outcome: T = end.value
        return outcome
    work.close()
    raise RuntimeError("It waits for an event loop.")


def _call(
    operation: Callable[Concatenate[Operations, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Client, P], T]:
    @wraps(operation)
    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return _finished(operation(self._operations, *args, **kwargs))

    return method


def _series(
    operation: Callable[Concatenate[Operations, P], AsyncGenerator[T]],
) -> Callable[Concatenate[Client, P], Generator[T]]:
    @wraps(operation)
    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> Generator[T]:
        return _iterated(operation(self._operations, *args, **kwargs))

    return method


def _iterated(series: AsyncGenerator[T]) -> Generator[T]:
    try:
        while True:
            yield _finished(series.__anext__())
    except StopAsyncIteration:
        return
    finally:
        _finished(series.aclose())


class Client:
    """A service; use it as a context manager. Its methods are those of `AsyncClient`.

    Args:
        url: where it listens; else CANFUSE_URL, else http://127.0.0.1:8000.
        api_key: where it needs one; else CANFUSE_API_KEY.
        timeout: seconds of silence after which a connection is given up.
        retries: how long to go on with what fails for reasons that pass.
        transport: how bytes travel, where httpx's own way is not the one: certificates, sockets.

    Raises:
        WrongUse: that is no address.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = TIMEOUT,
        retries: Retries | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        options = http_options(url, api_key, timeout)
        self._wire = BlockingWire(httpx.Client(**options, transport=transport))
        self._operations = Operations(Connection(self._wire, retries or Retries()))
        self.url = options["base_url"]

    submit = _call(Operations.submit)
    job = _call(Operations.job)
    retry = _call(Operations.retry)
    revise = _call(Operations.revise)
    jobs = _series(Operations.jobs)
    follow = _series(Operations.follow)
    wait = _call(Operations.wait)
    cancel = _call(Operations.cancel)
    artifacts = _call(Operations.artifacts)
    download = _call(Operations.download)

    score = _call(Operations.score)
    score_frames = _call(Operations.score_frames)
    score_log = _call(Operations.score_log)

    enrol_log = _call(Operations.enrol_log)
    enrol_frames = _call(Operations.enrol_frames)
    vehicles = _call(Operations.vehicles)
    vehicle = _call(Operations.vehicle)
    profile = _call(Operations.profile)
    delete_vehicle = _call(Operations.delete_vehicle)

    releases = _call(Operations.releases)
    release = _call(Operations.release)
    aliases = _call(Operations.aliases)
    point = _call(Operations.point)
    ready = _call(Operations.ready)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._wire.http.close()
