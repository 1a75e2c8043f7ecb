"""Drives either client by the same words, so that each test is about both."""

from __future__ import annotations

import inspect
from contextlib import contextmanager

from anyio.from_thread import start_blocking_portal

from canfuse_client import AsyncClient, Client, Retries

SOON = 20.0
EAGER = Retries(total=SOON, first=0.01, longest=0.05)
ONCE = Retries(total=0)


class _Driven:
    """An `AsyncClient` whose event loop runs in a thread of its own."""

    def __init__(self, portal, client):
        self._portal, self._client = portal, client
        self.url = client.url

    def __getattr__(self, name):
        operation = getattr(self._client, name)

        def method(*arguments, **options):
            if inspect.isasyncgenfunction(operation) or name == "follow":
                return self._iterate(operation(*arguments, **options))
            return self._portal.call(lambda: operation(*arguments, **options))

        return method

    def _iterate(self, series):
        try:
            while True:
                yield self._portal.call(series.__anext__)
        except StopAsyncIteration:
            return
        finally:
            self._portal.call(series.aclose)


@contextmanager
def blocking(url, *arguments, retries=EAGER, **options):
    with Client(str(url), *arguments, retries=retries, **options) as client:
        yield client


@contextmanager
def asynchronous(url, *arguments, retries=EAGER, **options):
    with start_blocking_portal() as portal:
        client = AsyncClient(str(url), *arguments, retries=retries, **options)
        with portal.wrap_async_context_manager(client):
            yield _Driven(portal, client)
