"""The service's API as a process of its own: `python -m app.cli.work.api SOCKET LEVEL`.

It serves at a socket that it inherits, so that callers only wait while it is started again. On
standard output it tells, as JSON lines, that it answers or why it cannot.
"""

from __future__ import annotations

import json
import socket
import sys
from typing import Any

from app.cli.places import load_settings
from app.server import serve
from ml.errors import EXIT_REFUSED, CanfuseError
from ml.telemetry.logs import configure_logs
from ml.telemetry.traces import configure_traces


def main() -> int:
    """Serve until told to stop."""
    descriptor, level = sys.argv[1:]
    try:
        settings = load_settings()
        configure_logs(level, settings.log_format, settings.secrets)
        configure_traces("api")
        with socket.socket(fileno=int(descriptor)) as listener:
            serve(settings, lambda url: _tell({"url": url}), listener)
    except CanfuseError as error:
        _tell({"error": error.to_dict()})
        return EXIT_REFUSED
    return 0


def _tell(fact: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(fact) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
