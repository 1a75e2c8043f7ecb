"""Runs the revisions on the connection, and in the transaction, that the caller opened."""

from alembic import context

from workers.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
context.run_migrations()
