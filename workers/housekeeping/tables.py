"""The database as lines of JSON, one file a table: out of either kind, into either kind."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, Integer, MetaData, Table, func, insert, select, text

from ml.errors import Conflict
from workers.database import reading, upgrade
from workers.tables import metadata

_ROWS_AT_ONCE = 500


def dump(engine: Engine, folder: Path) -> str:
    """Write every table as it was at one moment, and tell the revision of the tables."""
    snapshot = reading(engine)
    if engine.dialect.name == "postgresql":
        snapshot = snapshot.execution_options(isolation_level="REPEATABLE READ")
    folder.mkdir(parents=True)
    with snapshot.begin() as connection:
        _take_time(connection)
        revision = MigrationContext.configure(connection).get_current_revision()
        for table in metadata.sorted_tables:
            with (folder / f"{table.name}.jsonl").open("w") as stream:
                rows = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(select(table))
                stream.writelines(f"{json.dumps(dict(row))}\n" for row in rows.mappings())
    return str(revision)


def load(connection: Connection, folder: Path, revision: str) -> None:
    """Fill an empty database with what `dump` wrote, and bring its tables up to date.

    Raises:
        Conflict: the database holds something.
        DatabaseUnusable: a newer canfuse wrote it.
    """
    _take_time(connection)
    _make_room(connection)
    upgrade(connection, revision)
    tables = MetaData()
    tables.reflect(connection)
    for table in tables.sorted_tables:
        file = folder / f"{table.name}.jsonl"
        if file.exists():
            _fill(connection, table, file)
    upgrade(connection)


def _make_room(connection: Connection) -> None:
    """Drop our tables where the database was opened and never used; others' stay."""
    ours = {*metadata.tables, "alembic_version"}
    found = MetaData()
    found.reflect(connection, only=lambda name, _: name in ours)
    held = [t for t in found.sorted_tables if t.name != "alembic_version"]
    if any(connection.scalar(select(func.count()).select_from(table)) for table in held):
        raise Conflict(
            "The database holds jobs or keys already.",
            "Restore into an empty one: set CANFUSE_DATABASE_URL or CANFUSE_HOME.",
        )
    found.drop_all(connection)


def _fill(connection: Connection, table: Table, file: Path) -> None:
    with file.open() as stream:
        for rows in _in_parts(json.loads(line) for line in stream):
            connection.execute(insert(table), rows)
    _go_on_counting(connection, table)


def _go_on_counting(connection: Connection, table: Table) -> None:
    """PostgreSQL counts beside the table; what was loaded must have been counted, too."""
    key = table.primary_key.columns.values()[0]
    if connection.dialect.name != "postgresql" or not isinstance(key.type, Integer):
        return
    names = {"table": table.name, "column": key.name}
    counter = connection.scalar(text("SELECT pg_get_serial_sequence(:table, :column)"), names)
    highest = connection.scalar(select(func.max(key)))
    if counter and highest:
        connection.execute(select(func.setval(counter, highest)))


def _take_time(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))


def _in_parts(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while part := list(itertools.islice(rows, _ROWS_AT_ONCE)):
        yield part
