"""Sends requests at times that are fixed beforehand, whatever becomes of those sent before.

A generator that waits for an answer before it asks again asks less of a slow service, and so never
sees how slow it is. Here a request's time runs from when it was due.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import httpx
import numpy as np


@dataclass(frozen=True)
class Answer:
    """What became of a request.

    Attributes:
        status: HTTP status code, 0 where none came.
        seconds: from when it was due to the end of the answer.
        retry_after: whether the answer said when to come back.
        late: seconds by which the generator itself was late.
    """

    status: int
    seconds: float
    retry_after: bool
    late: float


async def at_rate(
    client: httpx.AsyncClient, body: bytes, rate: float, seconds: float
) -> list[Answer]:
    """Send `rate` requests a second, evenly, for so long."""
    begin = time.perf_counter()
    due = [begin + n / rate for n in range(int(rate * seconds))]
    return list(await asyncio.gather(*(_send(client, body, at) for at in due)))


async def by_turns(client: httpx.AsyncClient, body: bytes, clients: int, seconds: float) -> float:
    """Answers a second that so many clients get who each wait for theirs: the most there is."""
    begin = time.perf_counter()
    answered = 0

    async def ask() -> None:
        nonlocal answered
        while time.perf_counter() < begin + seconds:
            answered += (await _send(client, body, time.perf_counter())).status == 200

    await asyncio.gather(*(ask() for _ in range(clients)))
    return answered / (time.perf_counter() - begin)


async def _send(client: httpx.AsyncClient, body: bytes, due: float) -> Answer:
    await asyncio.sleep(due - time.perf_counter())
    late = time.perf_counter() - due
    try:
        answer = await client.post(
            "/score", content=body, headers={"Content-Type": "application/json"}
        )
        status, told = answer.status_code, "retry-after" in answer.headers
    except httpx.HTTPError:
        status, told = 0, False
    return Answer(status, time.perf_counter() - due, told, late)


def facts(answers: list[Answer], rate: float, memory_mb: float) -> dict[str, float]:
    """A phase in numbers."""
    taken = [a.seconds * 1000 for a in answers if a.status == 200] or [float("nan")]
    refused = [a for a in answers if a.status == 429]
    return {
        "rate": rate,
        "sent": len(answers),
        "accepted": sum(a.status == 200 for a in answers),
        "refused": len(refused),
        "refused_without_retry_after": sum(not a.retry_after for a in refused),
        "failed": sum(a.status not in {200, 429} for a in answers),
        "p50_ms": float(np.percentile(taken, 50)),
        "p99_ms": float(np.percentile(taken, 99)),
        "slowest_ms": max(a.seconds * 1000 for a in answers),
        "generator_late_p99_ms": float(np.percentile([a.late * 1000 for a in answers], 99)),
        "memory_mb": memory_mb,
    }
