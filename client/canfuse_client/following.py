"""Follows a job's events over as many streams as it takes."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import httpx
from pydantic import ValidationError

from canfuse_client.connection import Connection, Order, path_of
from canfuse_client.errors import ClientError, UnexpectedAnswer
from canfuse_client.models.jobs import Event
from canfuse_client.patience import Patience

# The service shows every 15 seconds that it lives; a stream that is silent for longer is dead.
SILENCE = 60.0
# A stream that ends before its job has come to its time, or the service stops.
PAUSE = 0.25


class Follower:
    """One job, from the event after the last one that is known."""

    def __init__(self, connection: Connection, job_id: str, after: int) -> None:
        self._connection = connection
        self._path = path_of("jobs", job_id, "events")
        self._after = after
        self._over = False

    async def events(self) -> AsyncGenerator[Event]:
        """Each event once, in order, to the last.

        Raises:
            Problem: the service refuses to tell.
            Unreachable: it stays away for longer than the patience lasts.
        """
        patience = Patience(self._connection.retries)
        while not self._over:
            try:
                async with aclosing(self._stream()) as stream:
                    async for event in stream:
                        patience.renew()
                        yield event
                if not self._over:
                    patience.renew()
                    await self._connection.wire.sleep(PAUSE)
            except ClientError as error:
                await self._connection.rest(patience, error)

    async def _stream(self) -> AsyncGenerator[Event]:
        """The events of one stream that are new."""
        async with self._connection.open(self._order()) as answer:
            if answer.status_code == httpx.codes.NO_CONTENT:
                self._over = True  # it has ended, and its last event is known
                return
            async with aclosing(self._connection.wire.events(answer)) as told:
                async for message in told:
                    event = _event(message.data) if message.data else None
                    if event is None or event.sequence <= self._after:
                        continue
                    self._after, self._over = event.sequence, event.last
                    yield event
                    if self._over:
                        return

    def _order(self) -> Order:
        headers = {"Accept": "text/event-stream"}
        if self._after:
            headers["Last-Event-ID"] = str(self._after)
        return Order("GET", self._path, headers=headers, silence=SILENCE)


def _event(data: str) -> Event:
    try:
        return Event.model_validate_json(data)
    except ValidationError as error:
        raise UnexpectedAnswer(
            "An event is not what canfuse tells.", "Does the service's version fit this client's?"
        ) from error
