"""Traces by OpenTelemetry, where its own variables (`OTEL_…`) ask for them; else nothing happens.

One trace leads from the request over the wait in the queue and the worker's attempt to the job's
process: a job's record carries the request's context, the environment carries it to the process.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from opentelemetry import propagate, trace
from opentelemetry.trace import Span, SpanKind

_log = logging.getLogger(__name__)
_tracer = trace.get_tracer("canfuse")
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def configure_traces(part: str) -> None:
    """Export this process's spans over OTLP, if the environment names a collector.

    Args:
        part: which program of ours this is, for the service's name.
    """
    if not _wanted(os.environ):
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - an extra
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - as above
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - as above
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - as above
    except ImportError:
        _log.warning("no traces are exported: install canfuse with its extra `otel`")
        return
    name = os.environ.get("OTEL_SERVICE_NAME", f"canfuse-{part}")
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def carrier() -> dict[str, str]:
    """The current span's context as W3C fields, empty where nothing is traced."""
    fields: dict[str, str] = {}
    propagate.inject(fields)
    return {name: value for name, value in fields.items() if name.startswith("trace")}


@contextmanager
def continued(
    name: str,
    carried: Mapping[str, str],
    kind: SpanKind = SpanKind.INTERNAL,
    **attributes: str | int,
) -> Iterator[Span]:
    """A span that goes on with the trace that a carrier brought.

    Args:
        name: of the span.
        carried: what `carrier` gave elsewhere.
        kind: which side of the work this is.
        attributes: facts about it.
    """
    context = propagate.extract(_fields(carried))
    with _tracer.start_as_current_span(
        name, context, kind, attributes={f"canfuse.{k}": v for k, v in attributes.items()}
    ) as span:
        yield span


def waited(name: str, carried: Mapping[str, str], since: datetime) -> None:
    """Record a wait that is over now, in the trace that a carrier brought."""
    begun = round(since.astimezone(UTC).timestamp() * 1e9)
    _tracer.start_span(name, propagate.extract(_fields(carried)), start_time=begun).end()


def _fields(carried: Mapping[str, str]) -> dict[str, str]:
    return {name: carried[name] for name in ("traceparent", "tracestate") if name in carried}


def _wanted(environment: Mapping[str, str]) -> bool:
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    exporter = environment.get("OTEL_TRACES_EXPORTER", "")
    named = any(environment.get(name) for name in _ENDPOINTS)
    return exporter == "otlp" or (named and exporter != "none")
