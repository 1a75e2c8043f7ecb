"""Runs the chaos and reports: `python -m tests.chaos --faults 200 --jobs 100 --seed 0`."""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.chaos.deployment import Deployment
from tests.chaos.promises import AGAIN_SECONDS, Promises
from tests.chaos.run import Chaos

SETTLE_SECONDS = 120.0


def main() -> int:
    """Run it; the exit code tells whether every promise was kept."""
    args = _arguments()
    home = Path(tempfile.mkdtemp(prefix="canfuse-chaos-"))
    began = time.monotonic()
    deployment = Deployment(home, args.workers, args.lease)
    with deployment:
        chaos = Chaos(
            deployment,
            random.Random(args.seed),
            faults=args.faults,
            jobs=args.jobs,
            width=args.width,
            pace=args.pace,
            steps=args.steps,
            deadline=args.minutes * 60 - SETTLE_SECONDS,
        )
        chaos.disturb()
        chaos.settle(SETTLE_SECONDS)
        promises = Promises(chaos, AGAIN_SECONDS)
        broken = promises.check()
        figures = promises.figures()
        left = deployment.left_behind("ml.pipelines")
    broken["as many faults and jobs as were asked for"] = _shortfall(chaos)
    broken["no process left behind"] = left + deployment.left_behind()
    report = {"seed": args.seed, "seconds": round(time.monotonic() - began, 1), **figures}
    report["broken"] = {promise: found for promise, found in broken.items() if found}
    _print(report, broken)
    if args.report:
        args.report.parent.mkdir(parents=True, exist_ok=True)
        every = [asdict(strike) for strike in chaos.strikes]
        args.report.write_text(json.dumps({**report, "strikes": every}, indent=1))
    if report["broken"]:
        sys.stderr.write(f"What it left is in {home}.\n")
        return 1
    shutil.rmtree(home)
    return 0


def _shortfall(chaos: Chaos) -> list[str]:
    strikes, accepted = len(chaos.strikes), len(chaos.accepted)
    wanted = {"faults": (strikes, chaos.faults), "jobs": (accepted, chaos.jobs)}
    return [f"{n} {what} of {least}" for what, (n, least) in wanted.items() if n < least]


def _print(report: dict[str, Any], broken: dict[str, list[str]]) -> None:
    console = Console(width=110)
    total = sum(report["faults"].values())
    accepted = sum(report["jobs"].values())
    faults = Table(title=f"{total} faults over {accepted} jobs in {report['seconds']} s")
    for heading in ("fault", "times", "jobs ended", "times"):
        faults.add_column(heading, justify="right" if heading == "times" else "left")
    ends = [*report["jobs"].items(), *((f"  {r}", n) for r, n in report["reasons"].items())]
    strikes = sorted(report["faults"].items())
    for strike, ended in zip_longest(strikes, ends, fillvalue=("", "")):
        faults.add_row(*map(str, (*strike, *ended)))
    console.print(faults)
    verdicts = Table("promise", "kept", "what breaks it")
    for promise, found in broken.items():
        verdicts.add_row(promise, "no" if found else "yes", "\n".join(found[:5]))
    console.print(verdicts)
    console.print("Killed workers' jobs that ran again:", report["ran again"])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=6)
    parser.add_argument("--width", type=int, default=3, help="unfinished jobs at a time")
    parser.add_argument("--pace", type=float, default=2.5, help="seconds between faults")
    parser.add_argument("--steps", type=int, default=110, help="most steps of a job, each 0.1 s")
    parser.add_argument("--minutes", type=float, default=14.0, help="when to stop at the latest")
    parser.add_argument("--lease", type=float, help="seconds of a lease, and its other times")
    parser.add_argument("--report", type=Path, help="where the report goes, as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
