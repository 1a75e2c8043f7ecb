"""How often a key may be used, over all servers together."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable

from limits import RateLimitItemPerMinute
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from app.errors import TooManyRequests
from app.keys.key import ApiKey

logger = logging.getLogger(__name__)

BROKER_SECONDS = 0.25
PAUSE_SECONDS = 5.0


class RateLimits:
    """Counts each key's requests of the last minute.

    They are counted in the broker, which all servers share. While it is away each counts alone,
    rather than let everybody or nobody in.

    Args:
        broker: tells where the broker is.
        per_minute: requests that a key may make in a minute where it says nothing else.
    """

    def __init__(self, broker: Callable[[], str], per_minute: int) -> None:
        self._broker = broker
        self._per_minute = per_minute
        self._own = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._shared: SlidingWindowCounterRateLimiter | None = None
        self._shared_again = 0.0

    def take(self, key: ApiKey) -> None:
        """Count a request.

        Raises:
            TooManyRequests: the key has made as many as it may.
        """
        item = RateLimitItemPerMinute(key.per_minute or self._per_minute)
        wait = self._count(item, key.digest.hex()[:16])
        if wait is not None:
            raise TooManyRequests(
                f"The key '{key.name}' may make {item.amount} requests in a minute.",
                "Try again after the seconds in Retry-After, or send more at once.",
                retry_after=wait,
            )

    def _count(self, item: RateLimitItemPerMinute, name: str) -> int | None:
        """None where the request may pass, else the seconds to wait."""
        if time.monotonic() >= self._shared_again:
            try:
                self._shared = self._shared or self._connect()
                return _hit(self._shared, item, name)
            except (StorageError, OSError, ValueError) as error:
                logger.warning("each server counts alone while the broker is away: %s", error)
                self._shared = None
                self._shared_again = time.monotonic() + PAUSE_SECONDS
        return _hit(self._own, item, name)

    def _connect(self) -> SlidingWindowCounterRateLimiter:
        url = self._broker().replace("redis+socket://", "redis+unix://")
        storage = RedisStorage(
            url,
            key_prefix="canfuse-rate",
            wrap_exceptions=True,
            socket_timeout=BROKER_SECONDS,
            socket_connect_timeout=BROKER_SECONDS,
        )
        return SlidingWindowCounterRateLimiter(storage)


def _hit(
    limiter: SlidingWindowCounterRateLimiter, item: RateLimitItemPerMinute, name: str
) -> int | None:
    if limiter.hit(item, name):
        return None
    return max(1, math.ceil(limiter.get_window_stats(item, name).reset_time - time.time()))
