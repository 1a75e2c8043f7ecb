"""Runs tests on PostgreSQL and Redis: `python -m tests.on_services tests/workers tests/app`.

The database is a server of our own, the broker what the embedded one finds on PATH. Where they are
not installed it says so, loudly, and is content.
"""

from __future__ import annotations

import os
import subprocess
import sys

from tests.places import ON_POSTGRES
from tests.servers import Postgres
from workers.broker_setup import find_program


def main() -> int:
    """Run pytest with these arguments; its exit code."""
    program = find_program()
    if not program.endswith("redis-server"):
        return _skip(f"the broker would be {program}; Debian's package is redis-server")
    try:
        server = Postgres()
    except (LookupError, OSError, subprocess.CalledProcessError) as error:
        return _skip(f"{error}; Debian's package is postgresql")
    with server:
        sys.stderr.write(f"On PostgreSQL in {server.folder} and {program}:\n")
        urls = dict.fromkeys([ON_POSTGRES, "CANFUSE_TEST_POSTGRES_URL"], server.url)
        command = [sys.executable, "-m", "pytest", *sys.argv[1:]]
        return subprocess.run(command, env=os.environ | urls, check=False).returncode


def _skip(why: str) -> int:
    sys.stderr.write(f"SKIPPED, NOT TESTED on PostgreSQL and Redis: {why}.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
