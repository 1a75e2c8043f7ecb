"""Logs as one JSON object a line, or as lines for people where a terminal reads them.

Whatever is logged carries the ids that were bound where it happened (`bound`): of the request, the
job, the attempt, the release; and those of the trace. No line carries a secret.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable
from typing import Any, Literal, TextIO

import structlog
from opentelemetry import trace
from structlog.contextvars import bind_contextvars, bound_contextvars, get_contextvars
from structlog.typing import EventDict, Processor

LogFormat = Literal["auto", "json", "text"]
HIDDEN = "***"

# These say at every turn what is of use to their own developers only.
_TALKATIVE = (
    "alembic",
    "celery.app.trace",
    "celery.worker.strategy",
    "httpcore",
    "httpx",
    "workers.database_errors",
)
_NAMES = r"api[_-]keys?|password|passwd|secret|authorization"
_SECRET_NAME = re.compile(_NAMES, re.IGNORECASE)
_SECRET = re.compile(
    # The password in a URL; a value that its name calls secret, as JSON, assignment or header.
    # Strangers choose what is searched, so no attempt at a match may go on at length and fail.
    r"(?P<url>://[^\s:/@'\"]*:)[^\s@'\"]{1,512}(?=@)"
    rf"|(?P<name>(?:{_NAMES})['\"]?\s*[=:]\s*['\"]?"
    r"(?:(?:bearer|basic)\s+)?)[^\s'\",;&}]+",
    re.IGNORECASE,
)

bind = bind_contextvars
bound = bound_contextvars


def configure_logs(
    level: str = "info",
    style: LogFormat = "auto",
    secrets: Iterable[str] = (),
    stream: TextIO | None = None,
) -> None:
    """Send every log line of this process to one place, in one form.

    Args:
        level: what is less important is left out.
        style: "auto" writes for people where a terminal reads, else JSON.
        secrets: words that must not appear in any line, whatever logs them.
        stream: where to; standard error by default.
    """
    stream = stream or sys.stderr
    plain = style == "text" or (style == "auto" and stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_facts(plain),
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _Redaction(secrets),
                _renderer(plain, stream),
            ],
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def ids() -> dict[str, Any]:
    """The ids that are bound here and now."""
    return get_contextvars()


def _facts(plain: bool) -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        _add_trace,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if plain else "iso", utc=not plain),
    ]


def _renderer(plain: bool, stream: TextIO) -> Processor:
    if plain:
        return structlog.dev.ConsoleRenderer(
            colors=stream.isatty(),
            # The usual one prints local variables, and with them secrets.
            exception_formatter=structlog.dev.plain_traceback,
        )
    return structlog.processors.JSONRenderer(default=str)


def _add_trace(_logger: Any, _name: str, event: EventDict) -> EventDict:
    event.pop("color_message", None)  # uvicorn's second form of its message
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        event["trace_id"] = trace.format_trace_id(span.trace_id)
        event["span_id"] = trace.format_span_id(span.span_id)
    return event


class _Redaction:
    """Hides secrets in all that a line tells, and keeps what is logged from forging lines."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = [secret for secret in secrets if len(secret) > 3]

    def __call__(self, _logger: Any, _name: str, event: EventDict) -> EventDict:
        told = {
            name: HIDDEN if _SECRET_NAME.search(name) else self._hidden(value)
            for name, value in event.items()
        }
        return told | {"event": told["event"].replace("\r", "\\r").replace("\n", "\\n")}

    def _hidden(self, value: Any) -> Any:
        if isinstance(value, int | float | None):
            return value
        text = str(value)
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return _SECRET.sub(lambda found: f"{found['url'] or found['name']}{HIDDEN}", text)
