"""Engines for the kinds of database that there are: SQLite and PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import QueuePool

from ml.errors import InvalidInput, Unavailable
from workers.database_errors import DatabaseUnavailable, PatientPool, explain

PATIENCE = 5.0  # seconds, half of the usual lease
CONNECT_SECONDS = 5


def connect(url: str, patience: float = PATIENCE) -> Engine:
    """Make an engine for SQLite (WAL, immediate writes, foreign keys) or PostgreSQL.

    Args:
        url: where the database is; what it says of PostgreSQL's timeouts wins over ours.
        patience: seconds to wait for a statement, a lock or a free connection.

    Raises:
        InvalidInput: the URL names another database or is none.
    """
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except ArgumentError as error:
        raise InvalidInput(
            "The database URL is not a URL.", "Use sqlite:///… or postgresql://…"
        ) from error
    if backend not in _OPENERS:
        raise InvalidInput(
            f"The database '{backend}' is not supported.", "Use SQLite or PostgreSQL."
        )
    engine = _OPENERS[backend](parsed, patience)
    event.listen(engine, "handle_error", explain)
    return engine


def _postgresql(url: URL, patience: float) -> Engine:
    milliseconds = round(patience * 1000)
    settings = f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds}"
    bounds = {"connect_timeout": str(CONNECT_SECONDS), "tcp_user_timeout": str(milliseconds)}
    query = bounds | dict(url.query)
    query["options"] = f"{settings} {url.query.get('options', '')}".strip()
    try:
        return create_engine(
            url.set(query=query), pool_pre_ping=True, poolclass=PatientPool, pool_timeout=patience
        )
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise Unavailable(
            "The PostgreSQL driver is not installed.", "Install canfuse with its extra `postgres`."
        ) from error


def reading(engine: Engine) -> Engine:
    """The same engine for transactions that only read, so that they wait for no writer."""
    return engine.execution_options(read_only=True)


def _sqlite(url: URL, patience: float) -> Engine:
    if url.database:
        _make_folder(Path(url.database).parent)
    # A database in memory has a pool of another kind, which keeps nobody waiting.
    shared = issubclass(SQLiteDialect_pysqlite.get_pool_class(url), QueuePool)
    pool: dict[str, Any] = {"poolclass": PatientPool, "pool_timeout": patience} if shared else {}
    engine = create_engine(url, connect_args={"timeout": patience}, **pool)
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
    for pragma in ("journal_mode=WAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _on_sqlite_begin(connection: Connection) -> None:
    # A transaction that reads first and writes later would fail at once ("database is locked")
    # when another wrote in between: writers take their turn at the start instead.
    read_only = connection.get_execution_options().get("read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


_OPENERS = {"sqlite": _sqlite, "postgresql": _postgresql}
