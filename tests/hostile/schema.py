"""`make fuzz`, second part: schemathesis over the whole OpenAPI, with keys and without."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

HERE = Path(__file__).parent
sys.path += [str(HERE.parent / "app"), str(HERE.parents[1])]

from served import KEY, Served, served  # noqa: E402 - the path is set above

# Room for all that the run submits, enrols and asks in a minute; limits have tests of their own.
ROOMY = {"MAX_QUEUED": 10**6, "KEY_RATE": 10**6, "MAX_CONNECTIONS": 1024, "SSE_LIFETIME_SECONDS": 1}
# A service without keys takes any key, or none, in the header that the description names.
KEYLESS = "ignored_auth,missing_required_header,negative_data_rejection"
_COUNT = re.compile(r'_requests_total\{[^}]*status="(\d+)"[^}]*\} (\S+)')


def explore(
    service: Served, examples: int, report: Path, seed: int, keys: bool, phases: str
) -> dict[str, Any]:
    """Run schemathesis against a service; what it sent and what came back."""
    header = {"X-API-Key": KEY} if keys else {}
    before, started = service.memory_mb, time.monotonic()
    command = ["st", "--config-file", str(HERE / "schemathesis.toml"), "run"]
    command += [f"{service.url}/openapi.json", "--checks", "all", "--mode", "all"]
    command += [] if keys else ["--exclude-checks", KEYLESS]
    command += ["--max-examples", str(examples), "--seed", str(seed), "--no-shrink"]
    command += [
        "--continue-on-failure",
        "--request-timeout",
        "60",
        "--suppress-health-check",
        "all",
    ]
    command += ["--phases", phases, "--workers", "1"]
    command += [word for k, v in header.items() for word in ("-H", f"{k}: {v}")]
    hooks = {
        "SCHEMATHESIS_HOOKS": str(HERE / "schema_hooks.py"),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    with report.open("wb") as output:
        ended = subprocess.run(
            command, check=False, env=os.environ | hooks, stdout=output, stderr=output,
            cwd=report.parent,
        )  # fmt: skip
    statuses = _statuses(httpx.get(f"{service.url}/metrics", headers=header, timeout=60).text)
    return {
        "keys": keys,
        "requests": sum(statuses.values()),
        "statuses": statuses,
        "seconds": round(time.monotonic() - started),
        "memory_mb": [before, service.memory_mb],
        "failed": ended.returncode != 0,
        "report": str(report),
    }


def _statuses(metrics: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for status, value in _COUNT.findall(metrics):
        counts[status] = counts.get(status, 0) + int(float(value))
    return dict(sorted(counts.items()))


def main() -> int:
    """Run both; 1 where a check failed or the service did."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=250, help="for each operation")
    parser.add_argument("--keys", choices=["both", "with", "without"], default="both")
    parser.add_argument("--phases", default="examples,coverage,fuzzing,stateful")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, default=Path("var/schema.json"))
    given = parser.parse_args()
    given.json.parent.mkdir(parents=True, exist_ok=True)
    found = []
    for keys in (False, True):
        if given.keys == ("without" if keys else "with"):
            continue
        report = given.json.with_suffix(f".{'keys' if keys else 'open'}.txt").resolve()
        with TemporaryDirectory() as folder, served(Path(folder), keys=keys, **ROOMY) as service:
            found.append(explore(service, given.examples, report, given.seed, keys, given.phases))
        print(json.dumps(found[-1]), flush=True)
    given.json.write_text(json.dumps(found, indent=1))
    crashed = any(int(s) >= 500 and s != "503" for facts in found for s in facts["statuses"])
    return 1 if crashed or any(facts["failed"] for facts in found) else 0


if __name__ == "__main__":
    sys.exit(main())
