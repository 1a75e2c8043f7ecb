"""What a deployment promises, checked against what a chaos run left in it."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import func, select

from ml.releases import ReleaseStore
from tests.chaos.faults import FAULTS
from tests.chaos.run import Chaos, Strike
from workers.records import Event, Job
from workers.tables import TERMINAL, attempts, jobs

AGAIN_SECONDS = 15.0
MANY_KILLS = 10  # of which some job must have been left alone to run again


@dataclass(frozen=True)
class Resumption:
    """How a job went on after its worker was killed.

    Attributes:
        seconds: until it ran again.
        disturbed: whether something that it needs to run again was hit meanwhile.
        kept: whether it went on from the checkpoint that it had.
    """

    seconds: float
    disturbed: bool
    kept: bool


@dataclass(frozen=True)
class Promises:
    """The promises, and the figures behind them."""

    chaos: Chaos
    limit: float

    def check(self) -> dict[str, list[str]]:
        """What breaks each promise; nothing where it was kept."""
        told = [self._history(job) for job in self.found]
        store = ReleaseStore(self.chaos.deployment.settings.workspace.releases)
        ours = {job.release for job in self.found if job.status == "succeeded"}
        there = {manifest.version for manifest in store.versions()}
        pointed = set(store.aliases().values())
        return {
            "every accepted job ended": [
                f"{j.id} is {j.status}" for j in self.found if not j.finished
            ],
            "none was lost, none made twice": self._lost_or_doubled(),
            "each ended once, in one state": [problem for problem in told if problem],
            "no two attempts succeeded": self._twice(),
            "no release of a stale attempt": [
                *(f"{v} belongs to no job that succeeded" for v in there - ours),
                *(f"{v} of a job that succeeded is missing" for v in ours - there),
                *(f"an alias points at {v}" for v in pointed - ours),
            ],
            f"a killed worker's job ran again within {self.limit:g} s": self._late(),
            "it went on from its last checkpoint": [
                "an attempt began before its checkpoint" for r in self.resumptions if not r.kept
            ],
        }

    @cached_property
    def found(self) -> list[Job]:
        """Every job there is."""
        store, cursor, found = self.chaos.deployment.store, None, []
        while True:
            page, cursor = store.list(cursor=cursor)
            found += page
            if cursor is None:
                return found

    @cached_property
    def resumptions(self) -> list[Resumption]:
        """How the jobs of killed workers went on; without those that did not have to."""
        return [r for strike in self._kills() if (r := self._resumption(strike))]

    @property
    def calm(self) -> list[Resumption]:
        """Those that were left alone meanwhile."""
        return [r for r in self.resumptions if not r.disturbed]

    def figures(self) -> dict[str, Any]:
        """What the run was made of."""
        seconds = [r.seconds for r in self.calm]
        return {
            "faults": dict(Counter(s.kind for s in self.chaos.strikes)),
            "jobs": dict(Counter(job.status for job in self.found)),
            "reasons": dict(Counter(job.error["type"] for job in self.found if job.error)),
            "attempts": sum(job.attempt for job in self.found),
            "ran again": {
                "left alone meanwhile": len(seconds),
                "median seconds": round(statistics.median(seconds), 1) if seconds else None,
                "longest seconds": round(max(seconds), 1) if seconds else None,
                "disturbed again": len(self.resumptions) - len(seconds),
                "longest of all": round(max((r.seconds for r in self.resumptions), default=0), 1),
            },
        }

    def _kills(self) -> list[Strike]:
        return [strike for strike in self.chaos.strikes if strike.kind == "worker SIGKILL"]

    def _late(self) -> list[str]:
        if not self.calm and len(self._kills()) >= MANY_KILLS:
            return ["not one was left alone for long enough to be timed"]
        return [f"{r.seconds:.1f} s" for r in self.calm if r.seconds > self.limit]

    def _events(self, job_id: str) -> list[Event]:
        events: list[Event] = []
        while page := self.chaos.deployment.store.events(job_id, len(events)):
            events += page
        return events

    def _history(self, job: Job) -> str:
        events = self._events(job.id)
        if [e.sequence for e in events] != list(range(1, len(events) + 1)):
            return f"{job.id}: its events have gaps"
        states = [e.data["status"] for e in events if e.data["event"] == "state"]
        ends = [status for status in states if status in TERMINAL]
        if ends != [job.status] or states[-1] != job.status:
            return f"{job.id} is {job.status} and went through {states}"
        return ""

    def _lost_or_doubled(self) -> list[str]:
        ids, accepted = {job.id for job in self.found}, self.chaos.accepted
        problems = [f"{job_id} was accepted and is gone" for job_id in set(accepted) - ids]
        problems += [f"{job_id} was made and nobody was told" for job_id in ids - set(accepted)]
        if len(set(accepted.values())) != len(accepted):
            problems.append("one key made several jobs")
        return problems

    def _twice(self) -> list[str]:
        won = func.count().filter(attempts.c.outcome == "succeeded")
        query = (
            select(jobs.c.id, jobs.c.status, won)
            .join(attempts, attempts.c.job_id == jobs.c.id, isouter=True)
            .group_by(jobs.c.id, jobs.c.status)
        )
        with self.chaos.deployment.store.engine.begin() as connection:
            rows = connection.execute(query).all()
        return [f"{i} {s}: {n} succeeded" for i, s, n in rows if n != (s == "succeeded")]

    def _resumption(self, strike: Strike) -> Resumption | None:
        later = [e for e in self._events(strike.whom) if e.attempt > strike.attempt]
        ran = next((e for e in later if e.data.get("status") == "running"), None)
        if ran is None:
            return None
        again = ran.at.timestamp()
        meanwhile = [
            s for s in self.chaos.strikes if strike.at < s.at < again and not FAULTS[s.kind].gentle
        ]
        said = [e.data["message"] for e in later if e.attempt == ran.attempt if "message" in e.data]
        begun = next((json.loads(m)["begun_at"] for m in said if "begun_at" in m), strike.done)
        return Resumption(again - strike.at, bool(meanwhile), begun >= strike.done)
