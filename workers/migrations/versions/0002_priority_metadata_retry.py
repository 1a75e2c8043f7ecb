"""Priorities, metadata, retries, and when progress was last told."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns; jobs that are there already are of normal priority."""
    added = (
        sa.Column("priority", sa.Integer, nullable=False, server_default="0"),
        sa.Column("metadata", sa.JSON, nullable=False, server_default="{}"),
        sa.Column("retry_of", sa.String(32)),
        sa.Column("progress_at", sa.Float),
    )
    for column in added:
        op.add_column("jobs", column)
    op.create_index("ix_jobs_kind_status", "jobs", ["kind", "status"])
    op.create_index("ix_jobs_created_at", "jobs", ["created_at"])
    op.create_index("ix_jobs_retry_of", "jobs", ["retry_of"])


def downgrade() -> None:
    """Drop them."""
    for index in ("ix_jobs_retry_of", "ix_jobs_created_at", "ix_jobs_kind_status"):
        op.drop_index(index, "jobs")
    for column in ("progress_at", "retry_of", "metadata", "priority"):
        op.drop_column("jobs", column)
