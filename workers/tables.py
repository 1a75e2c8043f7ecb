"""The tables of the job system. Times are seconds since 1970 by the database's own clock."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

STATUSES = ("queued", "running", "cancelling", "succeeded", "failed", "cancelled")
HELD = ("running", "cancelling")
TERMINAL = ("succeeded", "failed", "cancelled")

metadata = MetaData(
    naming_convention={"ix": "ix_%(column_0_label)s", "ck": "ck_%(table_name)s_%(constraint_name)s"}
)

jobs = Table(
    "jobs",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("kind", String(64), nullable=False),
    Column("queue", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("config", JSON, nullable=False),
    Column("labels", JSON, nullable=False),
    Column("metadata", JSON, nullable=False, server_default="{}"),
    # The higher, the sooner; 0 is normal.
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("retry_of", String(32)),
    Column("created_at", Float, nullable=False),
    Column("started_at", Float),
    Column("finished_at", Float),
    # The number of the latest attempt, which is also its fencing token.
    Column("attempt", Integer, nullable=False, server_default="0"),
    # Attempts that were lost (crash, expired lease); those handed back do not count.
    Column("lost", Integer, nullable=False, server_default="0"),
    Column("max_attempts", Integer, nullable=False),
    Column("lease_expires_at", Float),
    Column("rang_at", Float),
    Column("last_event", Integer, nullable=False, server_default="0"),
    Column("phase", String(128)),
    Column("fraction", Float, nullable=False, server_default="0"),
    Column("message", Text),
    Column("eta_seconds", Float),
    Column("progress_at", Float),
    Column("result", JSON(none_as_null=True)),
    Column("error", JSON(none_as_null=True)),
    Column("release", String(128)),
    CheckConstraint(f"status IN {STATUSES}", name="status"),
    Index("ix_jobs_status_queue", "status", "queue"),
    Index("ix_jobs_kind_status", "kind", "status"),
    Index("ix_jobs_created_at", "created_at"),
    Index("ix_jobs_retry_of", "retry_of"),
)

job_labels = Table(
    "job_labels",
    metadata,
    Column("label", String(64), primary_key=True),
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
)

attempts = Table(
    "attempts",
    metadata,
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("worker", String(128), nullable=False),
    Column("started_at", Float, nullable=False),
    Column("finished_at", Float),
    Column("outcome", String(16)),
    Column("error", JSON(none_as_null=True)),
)

events = Table(
    "events",
    metadata,
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("attempt", Integer, nullable=False),
    Column("at", Float, nullable=False),
    Column("data", JSON, nullable=False),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("key", String(255), primary_key=True),
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("created_at", Float, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("scopes", JSON, nullable=False),
    # SHA-256 of the key; the key itself is nowhere.
    Column("digest", String(64), nullable=False),
    Column("per_minute", Integer),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float),
    Column("revoked_at", Float),
)


class now(FunctionElement[float]):  # noqa: N801 - reads as the SQL function that it is
    """The database's clock: one clock judges every lease, whichever host holds it."""

    type = Float()
    inherit_cache = True


@compiles(now, "sqlite")
def _now_in_sqlite(*_: Any, **__: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(now, "postgresql")
def _now_in_postgresql(*_: Any, **__: Any) -> str:
    return "extract(epoch FROM clock_timestamp())::float8"
