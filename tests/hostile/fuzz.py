"""`make fuzz`: every reader of what comes from outside, with hypothesis and with atheris.

Prints a table and writes JSON. It fails where an input broke a promise, and says which file holds
that input: add it to `found`, mend the cause, and it is a regression test.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

HERE = Path(__file__).parent
sys.path += [str(HERE.parent / "app"), str(HERE.parents[1])]

from service_targets import SERVICE  # noqa: E402 - the path is set above
from targets import READERS  # noqa: E402 - likewise

ATHERIS_SHARE = 0.75
LARGEST_RUN = 50_000
MOST_GROWTH_MB = 200


@dataclass(frozen=True)
class Run:
    """Some inputs for a target from an engine."""

    target: str
    engine: str
    inputs: int
    seed: int

    @property
    def name(self) -> str:
        """Its files are called so."""
        return f"{self.target}-{self.engine}-{self.seed}"


def runs(inputs: int, targets: list[str], seed: int) -> list[Run]:
    """What to run, the longest first."""
    shares = {name: t.share for name, t in {**READERS, **SERVICE}.items() if name in targets}
    whole = sum(shares.values())
    found = []
    for target, share in shares.items():
        for engine, part in (("atheris", ATHERIS_SHARE), ("hypothesis", 1 - ATHERIS_SHARE)):
            left = max(20, round(inputs * share / whole * part))
            while left > 0:
                found.append(Run(target, engine, min(left, LARGEST_RUN), seed + len(found)))
                left -= LARGEST_RUN
    return sorted(found, key=lambda run: -run.inputs)


def carry_out(run: Run, folder: Path) -> dict[str, Any]:
    """One run in a process of its own, and what came of it."""
    report = folder / f"{run.name}.json"
    log = folder / f"{run.name}.log"
    command = [sys.executable, str(HERE / "fuzz_worker.py"), run.engine, run.target]
    command += ["--inputs", str(run.inputs), "--seed", str(run.seed), "--report", str(report)]
    with log.open("wb") as output:
        ended = subprocess.run(command, check=False, stdout=output, stderr=output)
    facts = json.loads(report.read_text()) if report.exists() else {"inputs": 0, "memory_mb": []}
    memory = facts["memory_mb"]
    grown = memory[-1] - memory[len(memory) // 4] if memory else 0
    ok = ended.returncode == 0 and facts["inputs"] >= run.inputs and grown < MOST_GROWTH_MB
    facts |= {"target": run.target, "engine": run.engine, "ok": ok, "log": str(log)}
    print(row(facts), flush=True)
    return facts


def row(facts: dict[str, Any]) -> str:
    """A line of the table."""
    memory = facts["memory_mb"] or [0]
    return (
        f"{facts['target']:<10} {facts['engine']:<10} {facts['inputs']:>9} "
        f"{facts.get('refused', 0):>9} {facts.get('seconds', 0):>8.0f} "
        f"{facts.get('slowest_seconds', 0):>8.2f} {memory[0]:>6} {memory[-1]:>6}  "
        + ("" if facts["ok"] else f"FAILED, see {facts['log']}")
    )


def main() -> int:
    """Run all of it; 1 where a promise was broken."""
    names = [*READERS, *SERVICE]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--targets", nargs="*", choices=names, default=names)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--json", type=Path, default=Path("var/fuzz.json"))
    given = parser.parse_args()
    folder = Path(mkdtemp(prefix="canfuse-fuzz-"))
    heads = ("target", "engine", "inputs", "refused", "s", "slowest", "MB", "to MB")
    print("{:<10} {:<10} {:>9} {:>9} {:>8} {:>8} {:>6} {:>6}".format(*heads))
    with ThreadPoolExecutor(given.processes) as pool:
        planned = runs(given.inputs, given.targets, given.seed)
        found = list(pool.map(lambda run: carry_out(run, folder), planned))
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps(found, indent=1))
    failed = [facts for facts in found if not facts["ok"]]
    print(f"{sum(f['inputs'] for f in found)} inputs, {len(failed)} runs of {len(found)} failed.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
