"""First tables.

A revision spells its tables out rather than import them: it must do the same for ever.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_STATUSES = "('queued', 'running', 'cancelling', 'succeeded', 'failed', 'cancelled')"


def upgrade() -> None:
    """Create the tables."""
    _create_jobs()
    _create_what_belongs_to_jobs()


def downgrade() -> None:
    """Drop the tables."""
    for table in ("idempotency", "events", "attempts", "job_labels", "jobs"):
        op.drop_table(table)


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("queue", sa.String(16), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("config", sa.JSON, nullable=False),
        sa.Column("labels", sa.JSON, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("started_at", sa.Float),
        sa.Column("finished_at", sa.Float),
        sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
        sa.Column("lost", sa.Integer, nullable=False, server_default="0"),
        sa.Column("max_attempts", sa.Integer, nullable=False),
        sa.Column("lease_expires_at", sa.Float),
        sa.Column("rang_at", sa.Float),
        sa.Column("last_event", sa.Integer, nullable=False, server_default="0"),
        sa.Column("phase", sa.String(128)),
        sa.Column("fraction", sa.Float, nullable=False, server_default="0"),
        sa.Column("message", sa.Text),
        sa.Column("eta_seconds", sa.Float),
        sa.Column("result", sa.JSON),
        sa.Column("error", sa.JSON),
        sa.Column("release", sa.String(128)),
        sa.CheckConstraint(f"status IN {_STATUSES}", name=op.f("ck_jobs_status")),
    )
    op.create_index("ix_jobs_status_queue", "jobs", ["status", "queue"])


def _create_what_belongs_to_jobs() -> None:
    op.create_table(
        "job_labels", sa.Column("label", sa.String(64), primary_key=True), _job(key=True)
    )
    op.create_table(
        "attempts",
        _job(key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("worker", sa.String(128), nullable=False),
        sa.Column("started_at", sa.Float, nullable=False),
        sa.Column("finished_at", sa.Float),
        sa.Column("outcome", sa.String(16)),
        sa.Column("error", sa.JSON),
    )
    op.create_table(
        "events",
        _job(key=True),
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
    )
    op.create_table(
        "idempotency",
        sa.Column("key", sa.String(255), primary_key=True),
        _job(key=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
    )


def _job(*, key: bool) -> sa.Column[str]:
    owner = sa.ForeignKey("jobs.id", ondelete="CASCADE")
    return sa.Column("job_id", sa.String(32), owner, primary_key=key, nullable=False)
