"""Lets so many through at once and so many wait, and turns the rest away at once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TypeVar

import anyio
from anyio import CapacityLimiter, Semaphore, to_thread

from app.errors import Busy

T = TypeVar("T")


class Gate:
    """Runs work in threads, bounded in number, in waiting and in patience.

    Attributes:
        slots: works that run at once.
        waiting: works that may wait for a slot.
        seconds: how long one may wait.
    """

    def __init__(self, slots: int, waiting: int, seconds: float) -> None:
        self.slots = slots
        self.waiting = waiting
        self.seconds = seconds
        self._free = Semaphore(slots)
        # Threads of our own: whatever else uses threads can neither starve scoring nor be starved.
        self._threads = CapacityLimiter(slots)
        self._begun: dict[object, float] = {}

    @property
    def running(self) -> int:
        """Works that run now."""
        return len(self._begun)

    @property
    def waiters(self) -> int:
        """Works that wait for a slot now."""
        return self._free.statistics().tasks_waiting

    def stuck(self, seconds: float) -> bool:
        """Whether all slots are taken by works that began longer ago: nothing moves any more."""
        latest = max(self._begun.values(), default=math.inf)
        return self.running >= self.slots and time.monotonic() - latest > seconds

    def check(self) -> None:
        """Turn a request away before its body is read if it could not even wait.

        Raises:
            Busy: all slots are taken, and all places to wait.
        """
        if self._free.value == 0 and self._free.statistics().tasks_waiting >= self.waiting:
            raise Busy(
                f"{self.slots} requests are being worked on and {self.waiting} wait already.",
                "Try again after the seconds in Retry-After.",
            )

    async def run(self, work: Callable[[], T]) -> T:
        """Do the work in a thread when a slot is free.

        Raises:
            Busy: too many wait already, or none became free in time.
        """
        self.check()
        await self._take_slot()
        mine = object()
        self._begun[mine] = time.monotonic()
        try:
            return await to_thread.run_sync(work, limiter=self._threads)
        finally:
            del self._begun[mine]
            self._free.release()

    async def _take_slot(self) -> None:
        try:
            with anyio.fail_after(self.seconds):
                await self._free.acquire()
        except TimeoutError as error:
            raise Busy(
                f"No slot became free within {self.seconds:g} s.", "Try again a little later."
            ) from error
