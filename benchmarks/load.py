"""`make load`: twice the load on `POST /score` that the service can sustain.

Finds the rate that it sustains, sends half of it, then double, then half again; prints a table and
writes JSON. Speaks to a service of its own on loopback, and ends it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

from benchmarks.memory import MEGABYTE, wait_until_loaded
from benchmarks.programs.open_loop import at_rate, by_turns, facts

MOST_TIMES_P99 = 3.0
MOST_GROWTH_MB = 100.0
FRAMES = 2000
STEP = 0.85
Phase = Callable[[float, float], Awaitable[dict[str, float]]]


@dataclass(frozen=True)
class Plan:
    """How long each part takes, in seconds."""

    search: float = 5.0
    half: float = 30.0
    double: float = 60.0
    after: float = 15.0


def measure(data_dir: Path | None, plan: Plan | None = None) -> dict[str, Any]:
    """The four parts in numbers, and whether each promise was kept."""
    del data_dir
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "CANFUSE_HOME": str(Path(folder) / "var"),
            "CANFUSE_DATA_DIRS": str(Path(folder) / "data"),
            "CANFUSE_PORT": "0",
        }
        for words in (["data", "simulate"], ["train", "fusion", "--preset", "fusion_demo"]):
            command = [sys.executable, "-m", "app.cli", "--quiet", *words]
            subprocess.run(command, check=True, env=environment, stdout=sys.stderr)
        return against(environment, plan or Plan())


def against(environment: dict[str, str], plan: Plan) -> dict[str, Any]:
    """Serve the home that the environment names, and load it."""
    command = [sys.executable, "-m", "benchmarks.programs.idle_api"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            url = "" if server.stdout is None else server.stdout.readline().strip()
            wait_until_loaded(url)
            return asyncio.run(_load(url, psutil.Process(server.pid), plan))
        finally:
            server.terminate()


async def _load(url: str, server: psutil.Process, plan: Plan) -> dict[str, Any]:
    body = _body()
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=100)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=30) as client:

        async def phase(rate: float, seconds: float) -> dict[str, float]:
            answers = await at_rate(client, body, rate, seconds)
            return facts(answers, rate, server.memory_info().rss / MEGABYTE)

        most = await by_turns(client, body, 2 * (os.cpu_count() or 1), plan.search)
        rate = await sustained(phase, most, plan.search)
        found = {
            "half": await phase(rate / 2, plan.half),
            "double": await phase(2 * rate, plan.double),
            "after": await phase(rate / 2, plan.after),
        }
    return {"sustainable_rate": rate, **found, "kept": verdict(found)}


async def sustained(phase: Phase, most: float, seconds: float) -> float:
    """The highest rate of those tried at which nothing is refused: downwards, then up again.

    A server that was overloaded a moment ago refuses more than it would otherwise.
    """

    async def holds(rate: float) -> bool:
        tried = await phase(rate, seconds)
        return tried["accepted"] == tried["sent"]

    rate = most
    for _ in range(20):
        if await holds(rate):
            break
        rate *= STEP
    else:
        raise RuntimeError("No rate was found at which nothing is refused.")
    while await holds(rate / STEP):
        rate /= STEP
    return rate


def verdict(found: dict[str, dict[str, float]]) -> dict[str, bool]:
    """Which promises were kept."""
    half, double, after = (found[name] for name in ("half", "double", "after"))
    return {
        "it_was_overloaded": double["refused"] > 0,
        "nothing_failed": not any(part["failed"] for part in found.values()),
        "refusals_say_when_to_retry": not double["refused_without_retry_after"],
        "accepted_stay_quick": double["p99_ms"] <= MOST_TIMES_P99 * half["p99_ms"],
        "memory_stays": double["memory_mb"] - half["memory_mb"] <= MOST_GROWTH_MB,
        "normal_at_once": not after["refused"] and after["p99_ms"] <= 2 * half["p99_ms"],
    }


def table(result: dict[str, Any]) -> str:
    """The result for people."""
    columns = ("rate", "sent", "accepted", "refused", "failed", "p50_ms", "p99_ms", "memory_mb")
    lines = [f"{'':<8}" + "".join(f"{name:>11}" for name in columns)]
    lines += [
        f"{name:<8}" + "".join(f"{result[name][c]:>11.1f}" for c in columns)
        for name in ("half", "double", "after")
    ]
    kept = [
        f"{name.replace('_', ' ')}: {'yes' if ok else 'NO'}" for name, ok in result["kept"].items()
    ]
    return "\n".join([f"sustainable: {result['sustainable_rate']:.1f} a second", *lines, *kept])


def _body() -> bytes:
    """Frames of a made-up bus as columns."""
    rng = np.random.default_rng(0)
    columns = {
        "timestamp": np.cumsum(rng.uniform(0.0002, 0.002, FRAMES)).tolist(),
        "id": rng.integers(0, 32, FRAMES).tolist(),
        "data": [row.tobytes().hex() for row in rng.integers(0, 256, (FRAMES, 8), np.uint8)],
    }
    return json.dumps(columns).encode()


def main() -> int:
    """Run it; 1 where a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, default=Path("var/load.json"))
    given = parser.parse_args()
    result = measure(None)
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps(result, indent=1))
    print(table(result))
    return 0 if all(result["kept"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
