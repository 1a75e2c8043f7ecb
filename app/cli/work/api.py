"""The service's API as a process of its own: `python -m app.cli.work.api`.

It tells on standard output, as JSON lines, the address it answers at or why it cannot.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from app.cli.places import load_settings
from ml.errors import CanfuseError

EXIT_REFUSED = 3


def main() -> int:
    """Serve until told to stop."""
    level = logging.WARNING if "--quiet" in sys.argv else logging.INFO
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # A follower that opens the database, or a job that is announced, is told of by the access log.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        from app.server import serve  # noqa: PLC0415 - what it loads may fail, and should be told too

        serve(load_settings(), lambda url: _tell({"url": url}))
    except CanfuseError as error:
        _tell({"error": error.to_dict()})
        return EXIT_REFUSED
    return 0


def _tell(fact: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(fact) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
