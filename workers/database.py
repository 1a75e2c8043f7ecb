"""Opens the database and brings its tables up to date."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError

from ml.errors import InvalidInput, Unavailable

BUSY_MILLISECONDS = 15_000
_one_at_a_time = threading.Lock()
_MIGRATION_LOCK = 0x63616E66  # any number that no other user of the same PostgreSQL database takes


class DatabaseUnavailable(Unavailable):
    """The database does not answer, or is busy for too long."""

    slug = "database-unavailable"


def connect(url: str) -> Engine:
    """Make an engine for SQLite (WAL, immediate writes, foreign keys) or PostgreSQL.

    Raises:
        InvalidInput: the URL names another database or is none.
    """
    try:
        backend = make_url(url).get_backend_name()
    except ArgumentError as error:
        raise InvalidInput(
            "The database URL is not a URL.", "Use sqlite:///… or postgresql://…"
        ) from error
    if backend not in _OPENERS:
        raise InvalidInput(
            f"The database '{backend}' is not supported.", "Use SQLite or PostgreSQL."
        )
    engine = _OPENERS[backend](url)
    event.listen(engine, "handle_error", _explain)
    return engine


def _postgresql(url: str) -> Engine:
    try:
        return create_engine(url, pool_pre_ping=True)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise Unavailable(
            "The PostgreSQL driver is not installed.", "Install canfuse with its extra `postgres`."
        ) from error


def reading(engine: Engine) -> Engine:
    """The same engine for transactions that only read, so that they wait for no writer."""
    return engine.execution_options(read_only=True)


def prepare(engine: Engine) -> None:
    """Upgrade the tables to the newest version; safe when several processes start at once.

    Raises:
        DatabaseUnavailable: the database cannot be reached.
    """
    # Alembic keeps the migration that runs in global variables.
    with _one_at_a_time, reading(engine).begin() as connection:
        if _is_current(connection):
            return
    with _one_at_a_time, engine.begin() as connection:
        _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    # In SQLite the write transaction that is open already keeps everyone else out.
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _is_current(connection: Connection) -> bool:
    head = ScriptDirectory.from_config(_config()).get_current_head()
    return MigrationContext.configure(connection).get_current_revision() == head


def _config() -> Config:
    config = Config()
    config.set_main_option(
        "script_location", str(Path(__file__).parent / "migrations").replace("%", "%%")
    )
    return config


def _sqlite(url: str) -> Engine:
    if file := make_url(url).database:
        _make_folder(Path(file).parent)
    engine = create_engine(url, connect_args={"timeout": BUSY_MILLISECONDS / 1000})
    event.listen(engine, "connect", _on_sqlite_connect)
    event.listen(engine, "begin", _on_sqlite_begin)
    return engine


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseUnavailable(
            f"The folder {folder} cannot be made: {error.strerror}.",
            "Set CANFUSE_HOME to a folder that you may write to.",
        ) from error


def _on_sqlite_connect(connection: Any, _record: Any) -> None:
    # The driver's own implicit BEGIN is deferred and comes late; ours is sent in `begin`.
    connection.isolation_level = None
    for pragma in (f"busy_timeout={BUSY_MILLISECONDS}", "journal_mode=WAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _on_sqlite_begin(connection: Connection) -> None:
    # A transaction that reads first and writes later would fail at once ("database is locked")
    # when another wrote in between: writers take their turn at the start instead.
    read_only = connection.get_execution_options().get("read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _explain(context: ExceptionContext) -> None:
    """Every caller meets an error that it can show, instead of the driver's."""
    if isinstance(context.sqlalchemy_exception, OperationalError):
        raise DatabaseUnavailable(
            f"The database cannot be used: {str(context.original_exception).strip()}.",
            "Check the database URL, and that the database is up.",
        ) from context.original_exception


_OPENERS = {"sqlite": _sqlite, "postgresql": _postgresql}
