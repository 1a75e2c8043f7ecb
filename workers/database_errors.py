"""The database's errors, in words that every caller can show."""

from __future__ import annotations

from sqlalchemy import ExceptionContext
from sqlalchemy.exc import (
    DatabaseError,
    DataError,
    InterfaceError,
    InternalError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

from ml.errors import InvalidInput, Unavailable


class DatabaseUnavailable(Unavailable):
    """The database does not answer, or is busy for too long."""

    slug = "database-unavailable"


class DatabaseUnusable(Unavailable):
    """The database is there, and will not do however long one waits."""

    slug = "database-unusable"


class PatientPool(QueuePool):
    """A pool that says so when it has had no free connection for too long."""

    def connect(self) -> PoolProxiedConnection:
        """A connection of the pool.

        Raises:
            DatabaseUnavailable: all of them are in use.
        """
        try:
            return super().connect()
        except PoolExhausted as error:
            raise DatabaseUnavailable(
                "The database cannot be used: all connections to it are busy.",
                "Try again in a moment.",
            ) from error


def explain(context: ExceptionContext) -> None:
    """Every caller meets an error that it can show, instead of the driver's."""
    found, reason = context.sqlalchemy_exception, str(context.original_exception).strip()
    if isinstance(found, OperationalError | InterfaceError | InternalError):
        raise DatabaseUnavailable(
            f"The database cannot be used: {reason}.",
            "Check the database URL, and that the database is up.",
        ) from context.original_exception
    if isinstance(found, DataError):
        raise InvalidInput(
            f"The database takes no such value: {reason}.", "Correct the request."
        ) from context.original_exception
    # SQLite's word for a file that is none of its own, or not any more.
    if type(found) is DatabaseError:
        raise DatabaseUnusable(
            f"The database is damaged: {reason}.",
            "Move the file away, or set CANFUSE_HOME to another folder.",
        ) from context.original_exception
