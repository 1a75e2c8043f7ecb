"""Records a new job, or finds the one that the same request made before."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from sqlalchemy import Connection, Row, func, insert, select

from ml.errors import InvalidInput
from ml.telemetry.origin import origin
from workers import history
from workers.records import (
    QUEUES,
    RANKS,
    Job,
    JobNotFound,
    KeyReused,
    Priority,
    QueueFull,
    job_from,
)
from workers.tables import idempotency, job_labels, jobs, now

RETRY_AFTER_SECONDS = 30
LONGEST_WORD = 64
LONGEST_VALUE = 512
LONGEST_KEY = 255


@dataclass(frozen=True)
class Request:
    """What somebody asked for.

    Attributes:
        key: makes asking again harmless.
        retry_of: the job that is to be repeated.
    """

    kind: str
    config: dict[str, Any]
    queue: str
    labels: tuple[str, ...] = ()
    priority: Priority = "normal"
    metadata: Mapping[str, str] = field(default_factory=dict)
    key: str | None = None
    retry_of: str | None = None

    @classmethod
    def repeating(cls, job: Job, key: str | None) -> Self:
        """Ask once more for what a job was asked for."""
        return cls(
            job.kind,
            job.config,
            job.queue,
            job.labels,
            job.priority,
            job.metadata,
            key,
            job.id,
        )

    @property
    def digest(self) -> str:
        """Equal for equal requests."""
        if self.retry_of is not None:
            # All that was asked: what is said about the old job may have been revised since.
            return hashlib.sha256(json.dumps(["retry", self.retry_of]).encode()).hexdigest()
        extras: dict[str, Any] = {"metadata": self.metadata}
        if self.priority != "normal":
            extras["priority"] = self.priority
        # What is not asked for leaves no trace, so that older requests keep their digests.
        asked = {name: value for name, value in extras.items() if value}
        body = [self.kind, self.config, self.labels, *([asked] if asked else [])]
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def find_or_insert(
    connection: Connection, request: Request, max_attempts: int, max_queued: int
) -> tuple[Job, bool]:
    """The job of a request, and whether it is new.

    Raises:
        KeyReused: the key belongs to another request.
        QueueFull: too many jobs wait already.
        InvalidInput: there is no such queue; a word is too long, or has characters none has.
    """
    check_words((request.kind, *request.labels), request.metadata)
    if request.key is not None:
        _check_word(request.key, LONGEST_KEY)
    if (job := made_before(connection, request)) is not None:
        return job, False
    if request.queue not in QUEUES:
        raise InvalidInput(
            f"There is no queue '{request.queue}'.", f"Choose one of: {', '.join(QUEUES)}."
        )
    _check_room(connection, max_queued)
    return _insert(connection, request, max_attempts), True


def made_before(connection: Connection, request: Request) -> Job | None:
    """The job that the same request made before, if any.

    Raises:
        KeyReused: the key belongs to another request.
    """
    query = select(idempotency).where(idempotency.c.key == request.key)
    row = connection.execute(query).one_or_none() if request.key is not None else None
    if row is None:
        return None
    if row.digest != request.digest:
        raise KeyReused(
            "This idempotency key was used for another request.", "Use a new key for a new request."
        )
    return job_from(row_of(connection, row.job_id))


def row_of(connection: Connection, job_id: str, *, lock: bool = False) -> Row[*tuple[Any, ...]]:
    """The row of a job, locked against other writers where asked for.

    Raises:
        JobNotFound: there is none.
    """
    query = select(jobs).where(jobs.c.id == job_id)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise JobNotFound(f"There is no job '{job_id}'.", "List the jobs to see which there are.")
    return row


def check_words(words: Iterable[str], metadata: Mapping[str, str]) -> None:
    """Make sure that every database takes these.

    Raises:
        InvalidInput: one is too long, or has characters that no word has.
    """
    for word in (*words, *metadata):
        _check_word(word, LONGEST_WORD)
    for value in metadata.values():
        _check_word(value, LONGEST_VALUE)


def _check_word(word: str, longest: int) -> None:
    """Databases differ in what they take: each is given only what all of them take."""
    if not 0 < len(word) <= longest or not word.isprintable():
        raise InvalidInput(
            f"{word[:80]!r} can be no label, kind, metadata or idempotency key.",
            f"Use 1 to {longest} printable characters.",
        )


def _check_room(connection: Connection, max_queued: int) -> None:
    waiting = connection.scalar(select(func.count()).where(jobs.c.status == "queued")) or 0
    if waiting >= max_queued:
        raise QueueFull(
            f"{waiting} jobs are waiting already, which is as many as may.",
            "Wait for some to finish, or raise CANFUSE_MAX_QUEUED.",
            retry_after=RETRY_AFTER_SECONDS,
        )


def _insert(connection: Connection, request: Request, max_attempts: int) -> Job:
    job_id = secrets.token_hex(12)
    connection.execute(
        insert(jobs).values(
            id=job_id,
            kind=request.kind,
            queue=request.queue,
            status="queued",
            config=request.config,
            labels=list(request.labels),
            metadata=dict(request.metadata),
            priority=RANKS[request.priority],
            retry_of=request.retry_of,
            max_attempts=max_attempts,
            created_at=now(),
        )
    )
    label(connection, job_id, request.labels)
    remember(connection, request, job_id)
    history.append(connection, job_id, [history.state("queued", **origin())])
    return job_from(row_of(connection, job_id))


def remember(connection: Connection, request: Request, job_id: str) -> None:
    """Answer whoever repeats a request under its key with this job, for good."""
    if request.key is not None:
        values = {"key": request.key, "job_id": job_id, "digest": request.digest}
        connection.execute(insert(idempotency).values(created_at=now(), **values))


def label(connection: Connection, job_id: str, labels: Sequence[str]) -> None:
    """Make a job findable by these words."""
    if labels:
        rows = [{"label": word, "job_id": job_id} for word in labels]
        connection.execute(insert(job_labels), rows)
