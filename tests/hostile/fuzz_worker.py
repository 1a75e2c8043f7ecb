"""Fuzzes one target with one engine, and writes what came of it as JSON.

`hypothesis` draws changed seeds; `atheris` changes inputs on and on, guided by the lines of Python
that they reach. Either stops at the first input that breaks a promise, and keeps it.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import json
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import atheris
import psutil
from hypothesis import HealthCheck, Phase, settings
from hypothesis import given as drawn
from hypothesis import seed as seeded
from hypothesis import strategies as st

sys.path += [str(Path(__file__).parents[1] / "app"), str(Path(__file__).parents[2])]
os.environ.setdefault("OMP_NUM_THREADS", "1")

if TYPE_CHECKING:
    from targets import Target

HANG_SECONDS = 60
BATCH = 2000  # examples that hypothesis remembers at once


def named_target(name: str) -> Target:
    """The target of that name; those of the service bring torch."""
    from targets import READERS  # noqa: PLC0415 - after atheris has its hooks in

    if name in READERS:
        return READERS[name]
    from service_targets import SERVICE  # noqa: PLC0415 - likewise

    return SERVICE[name]


class Watch:
    """Runs inputs, and keeps count of outcomes, time and memory."""

    def __init__(self, target: Target, inputs: int, report: Path) -> None:
        self.check = target.check
        self.inputs = inputs
        self.report = report
        self.outcomes: Counter[str] = Counter()
        self.slowest = 0.0
        self.started = time.monotonic()
        self.memory: list[int] = []
        self._process = psutil.Process()

    def __call__(self, data: bytes) -> None:
        """Run an input."""
        before = time.perf_counter()
        self.outcomes[self.check(data)] += 1
        self.slowest = max(self.slowest, time.perf_counter() - before)
        done = self.outcomes.total()
        if done % max(1, self.inputs // 10) == 0 or done == self.inputs:
            self.memory.append(self._process.memory_info().rss >> 20)
            self.write()

    def write(self) -> None:
        """Write the report."""
        facts = {
            "inputs": self.outcomes.total(),
            **self.outcomes,
            "seconds": time.monotonic() - self.started,
            "slowest_seconds": self.slowest,
            "memory_mb": self.memory,
        }
        self.report.write_text(json.dumps(facts))


def with_hypothesis(target: Target, watch: Watch, seed: int, kept: Path) -> None:
    """Draw changed seeds."""

    for first in range(0, watch.inputs, BATCH):
        count = min(BATCH, watch.inputs - first)

        @drawn(draws=st.integers(0, 2**64 - 1))
        def run(draws: int) -> None:
            data = target.draw(random.Random(draws))
            kept.write_bytes(data)
            watch(data)
            if watch.outcomes.total() % 100 == 1:  # it starts a thread, which takes its time
                faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)

        quiet = settings(
            max_examples=count,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        )
        quiet(seeded(seed + first)(run))()
    faulthandler.cancel_dump_traceback_later()
    kept.unlink()


def with_atheris(target: Target, watch: Watch, seed: int, kept: Path) -> None:
    """Change inputs on and on, from the seeds; ends the process."""
    corpus = kept.with_suffix(".corpus")
    corpus.mkdir()
    found = Path(__file__).parent / "found"
    begin = [*target.seeds(), *(path.read_bytes() for path in found.iterdir())]
    for number, data in enumerate(begin):
        (corpus / str(number)).write_bytes(data)

    def change(data: bytes, most: int, draw: int) -> bytes:
        rng = random.Random(draw)
        if rng.randrange(4) == 0:
            return bytes(atheris.Mutate(data, most))
        return target.mutate(data, rng)[:most]

    arguments = [
        f"-runs={watch.inputs}",
        f"-seed={seed}",
        f"-artifact_prefix={kept}-",
        f"-timeout={HANG_SECONDS}",
        f"-max_len={max(1 << 16, *(2 * len(data) for data in begin))}",
        "-rss_limit_mb=4096",
        "-verbosity=0",
        "-print_final_stats=0",
    ]
    atheris.Setup([sys.argv[0], *arguments, str(corpus)], watch, custom_mutator=change)
    atheris.Fuzz()


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=["atheris", "hypothesis"])
    parser.add_argument("target", help="see targets.py and service_targets.py")
    parser.add_argument("--inputs", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--report", type=Path, required=True)
    given = parser.parse_args()
    atheris_hooks = atheris.instrument_imports(include=["ml.can", "app", "can"])
    with atheris_hooks if given.engine == "atheris" else contextlib.nullcontext():
        target = named_target(given.target)
        target.check(target.seeds()[0])
    watch = Watch(target, given.inputs, given.report)
    engine = with_atheris if given.engine == "atheris" else with_hypothesis
    engine(target, watch, given.seed, given.report.with_suffix(".input"))


if __name__ == "__main__":
    main()
