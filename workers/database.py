"""Opens the database and brings its tables up to date."""

from __future__ import annotations

import threading
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, text

from workers.database_errors import DatabaseUnavailable, DatabaseUnusable
from workers.engines import connect, reading

__all__ = ["DatabaseUnavailable", "DatabaseUnusable", "connect", "prepare", "reading", "upgrade"]

_one_at_a_time = threading.Lock()
_MIGRATION_LOCK = 0x63616E66  # any number that no other user of the same PostgreSQL database takes


def prepare(engine: Engine) -> None:
    """Upgrade the tables to the newest version; safe when several processes start at once.

    Raises:
        DatabaseUnavailable: the database cannot be reached.
        DatabaseUnusable: it is damaged, or was made by a newer version of canfuse.
    """
    # Alembic keeps the migration that runs in global variables.
    with _one_at_a_time, reading(engine).begin() as connection:
        if _is_current(connection):
            return
    with _one_at_a_time, engine.begin() as connection:
        upgrade(connection)


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Upgrade the tables to a version, by default the newest.

    Raises:
        DatabaseUnusable: this canfuse does not know the version.
    """
    # In SQLite the write transaction that is open already keeps everyone else out.
    if connection.dialect.name == "postgresql":
        # Another's migration, and our own, may take longer than a statement usually may.
        for limit in ("statement_timeout", "lock_timeout"):
            connection.execute(text(f"SET LOCAL {limit} = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
    config = _config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, revision)
    except CommandError as error:
        raise DatabaseUnusable(
            "The database was made by a newer canfuse.",
            "Upgrade canfuse, or set CANFUSE_HOME or CANFUSE_DATABASE_URL to another place.",
        ) from error


def _is_current(connection: Connection) -> bool:
    head = ScriptDirectory.from_config(_config()).get_current_head()
    return MigrationContext.configure(connection).get_current_revision() == head


def _config() -> Config:
    config = Config()
    config.set_main_option(
        "script_location", str(Path(__file__).parent / "migrations").replace("%", "%%")
    )
    return config
