"""Jobs: submit, look, follow, stop, fetch what they left."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from canfuse_client.connection import Order, given, path_of
from canfuse_client.downloads import Download, place_in
from canfuse_client.following import Follower
from canfuse_client.models.jobs import Artifact, Event, Job, JobPage
from canfuse_client.operations.base import Base

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0

Priority = Literal["high", "normal", "low"]


class JobOperations(Base):
    """Long work."""

    async def submit(
        self,
        kind: str,
        config: Mapping[str, Any] | None = None,
        *,
        preset: str | None = None,
        labels: Sequence[str] = (),
        metadata: Mapping[str, str] | None = None,
        priority: Priority | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """Submit a job, exactly once, however often the connection breaks.

        Args:
            kind: fusion, experts, cache, evaluate, …
            config: the configuration's fields.
            preset: a named configuration to start from; `config` overrides it.
            labels: words by which the job can be found again.
            metadata: whatever else is to be kept with it, by names.
            priority: of the jobs that wait, those of high priority start first.
            idempotency_key: submissions that share one make one job; by default made up for this
                call and kept over all its tries.
        """
        said = given(preset=preset, labels=[*labels], metadata=metadata, priority=priority)
        body = {**(config or {}), **said}
        order = Order("POST", path_of("jobs", kind), body=body, headers=_keyed(idempotency_key))
        return await self._connection.call(order, Job)

    async def retry(self, job_id: str, *, idempotency_key: str | None = None) -> Job:
        """Run what failed or was cancelled again, as a new job; the key is as in `submit`."""
        path = path_of("jobs", job_id, "retry")
        order = Order("POST", path, headers=_keyed(idempotency_key))
        return await self._connection.call(order, Job)

    async def revise(
        self,
        job_id: str,
        *,
        labels: Sequence[str] | None = None,
        metadata: Mapping[str, str] | None = None,
        priority: Priority | None = None,
    ) -> Job:
        """Replace a job's labels or metadata at any time, or its priority while it waits."""
        words = None if labels is None else [*labels]
        body = given(labels=words, metadata=metadata, priority=priority)
        return await self._connection.call(Order("PATCH", path_of("jobs", job_id), body=body), Job)

    async def job(self, job_id: str) -> Job:
        """A job as it stands."""
        return await self._connection.call(Order("GET", path_of("jobs", job_id)), Job)

    async def jobs(
        self,
        *,
        status: str | None = None,
        kind: str | None = None,
        label: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        page: int = 50,
    ) -> AsyncGenerator[Job]:
        """All jobs, or those that the filters leave, the newest first.

        Args:
            status: queued, running, cancelling, succeeded, failed or cancelled.
            kind: as in `submit`.
            label: one of its labels.
            created_after: made then or later; with a time zone.
            created_before: made earlier; with a time zone.
            page: how many are asked for at once.
        """
        params = given(
            status=status,
            kind=kind,
            label=label,
            created_after=created_after and created_after.isoformat(),
            created_before=created_before and created_before.isoformat(),
            limit=page,
        )
        cursor: str | None = None
        while True:
            order = Order("GET", "/jobs", params={**params, **given(cursor=cursor)})
            found = await self._connection.call(order, JobPage)
            for job in found.jobs:
                yield job
            if (cursor := found.next_cursor) is None:
                return

    def follow(self, job_id: str, after: int = 0) -> AsyncGenerator[Event]:
        """A job's events as they come, to its end; a broken stream is taken up where it broke.

        Args:
            job_id: the job.
            after: number of the last event that is known already.
        """
        return Follower(self._connection, job_id, after).events()

    async def wait(self, job_id: str, timeout: float = math.inf) -> Job:  # noqa: ASYNC109 - seconds in both clients
        """Wait for a job's end.

        Returns:
            the job as it ended, well or not; see `Job.raise_for_failure`.

        Raises:
            TimeoutError: it has not ended in that many seconds.
        """
        ends, pause = time.monotonic() + timeout, FIRST_PAUSE
        while not (job := await self.job(job_id)).ended:
            if time.monotonic() + pause > ends:
                raise TimeoutError(f"Job {job_id} is {job.status} after {timeout:g} s.")
            await self._connection.wire.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)
        return job

    async def cancel(self, job_id: str) -> Job:
        """Ask for a job's end. Asking twice is harmless; a job that has ended otherwise: 409."""
        return await self._connection.call(Order("POST", path_of("jobs", job_id, "cancel")), Job)

    async def artifacts(self, job_id: str) -> list[Artifact]:
        """The files that a job left, also while it runs."""
        order = Order("GET", path_of("jobs", job_id, "artifacts"))
        return await self._connection.call(order, list[Artifact])

    async def download(self, job_id: str, artifact: str, folder: Path | str) -> Path:
        """Fetch one of a job's files; it appears whole or not at all.

        Args:
            job_id: the job.
            artifact: the file's path, as `artifacts` tells it.
            folder: where to put it, under that path.

        Raises:
            WrongUse: the path leads out of the folder.
        """
        target = place_in(Path(folder), artifact)
        order = Order("GET", path_of("jobs", job_id, "artifacts", *artifact.split("/")))
        return await Download(self._connection, order, target).run()


def _keyed(key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": key or secrets.token_hex(16)}
