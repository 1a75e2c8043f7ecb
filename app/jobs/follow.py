"""A job's events as a stream that ends: after the last one, with its time, or with the service."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import anyio
from anyio import to_thread
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from starlette.types import Receive, Scope, Send

from app.errors import Busy
from app.jobs.schemas import EventView
from app.settings import Settings
from ml.errors import Unavailable
from workers.jobs import JobStore
from workers.records import Event
from workers.tables import TERMINAL

logger = logging.getLogger(__name__)

BATCH = 500


@dataclass
class Follower:
    """One client following one job.

    Attributes:
        after: number of the last event that the client has.
        welcome: whether the client may still be told, asked with each sign of life.
    """

    jobs: JobStore
    job_id: str
    after: int
    settings: Settings
    stopping: asyncio.Event
    welcome: Callable[[], bool]

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield the events in the wire's format as they come."""
        try:
            async for piece in self._pieces():
                yield piece
        except Unavailable as error:
            # The client comes back, and is told then what is the matter if it still is.
            logger.warning("the stream of job %s ends: %s", self.job_id, error.detail)

    async def _pieces(self) -> AsyncIterator[bytes]:
        ends = time.monotonic() + self.settings.sse_lifetime_seconds
        quiet_since = asked_at = time.monotonic()
        yield format_sse_event(retry=1000)
        while time.monotonic() < ends and not self.stopping.is_set():
            events = await self._new_events()
            for event in events:
                yield _wire(event)
                if is_last(event):
                    return
            if events:
                quiet_since = time.monotonic()
            elif time.monotonic() - quiet_since >= self.settings.sse_heartbeat_seconds:
                # A proxy closes what is silent, and a write is how a lost client is noticed.
                yield format_sse_event(comment="still here")
                quiet_since = time.monotonic()
            if time.monotonic() - asked_at >= self.settings.sse_heartbeat_seconds:
                if not await to_thread.run_sync(self.welcome):
                    return
                asked_at = time.monotonic()
            if len(events) < BATCH:
                await self._pause()

    async def _new_events(self) -> list[Event]:
        # The database is asked in a thread, so that one slow disk does not hold up every client.
        events = await to_thread.run_sync(self.jobs.events, self.job_id, self.after, BATCH)
        self.after = events[-1].sequence if events else self.after
        return events

    async def _pause(self) -> None:
        with anyio.move_on_after(self.settings.sse_poll_seconds):
            await self.stopping.wait()


class Streams:
    """Counts the streams that are open, up to a limit. Safe to share between threads."""

    def __init__(self, limit: int) -> None:
        self._free = threading.BoundedSemaphore(limit)

    def take(self) -> None:
        """Take a place.

        Raises:
            Busy: all are taken.
        """
        if not self._free.acquire(blocking=False):
            raise Busy("Too many streams are open.", "Try again soon, or ask for the job instead.")

    def give_back(self) -> None:
        """Give a place back."""
        self._free.release()


class EventStream(StreamingResponse):
    """A stream of events, which has its place from the moment it is made until it has ended.

    Raises:
        Busy: too many are open.
    """

    media_type = "text/event-stream"

    def __init__(self, events: AsyncIterator[bytes], streams: Streams) -> None:
        super().__init__(events, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._streams = streams
        streams.take()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._streams.give_back()


def is_last(event: Event) -> bool:
    """Whether nothing can come after this event."""
    return event.data.get("event") == "state" and event.data.get("status") in TERMINAL


def _wire(event: Event) -> bytes:
    return format_sse_event(
        data_str=EventView.of(event).model_dump_json(),
        event=event.data.get("event", "message"),
        id=str(event.sequence),
    )


def wire_schema() -> dict[str, Any]:
    """Describe in OpenAPI what `_wire` writes."""
    properties: dict[str, Any] = {name: {"type": "string"} for name in ("data", "event", "id")}
    properties["data"] |= {
        "contentMediaType": "application/json",
        "contentSchema": EventView.model_json_schema(),
    }
    return {"type": "object", "properties": properties, "required": ["data"]}
