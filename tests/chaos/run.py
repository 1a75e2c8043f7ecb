"""A chaos run: jobs come in, faults strike, until both are used up; then everything settles."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from dataclasses import dataclass, field

import httpx

from tests.chaos.deployment import Deployment
from tests.chaos.faults import FAULTS, deck
from workers.database import DatabaseUnavailable
from workers.tables import STATUSES, TERMINAL

TICK_SECONDS = 0.1
CALM_SECONDS = 30.0  # how long a lost job is given before harder faults go on


@dataclass(frozen=True)
class Strike:
    """A fault that struck.

    Attributes:
        whom: the job, or what else was hit.
        at: when, in seconds since 1970.
        attempt: of the job, where a worker was killed.
        done: steps in the job's checkpoint then.
    """

    kind: str
    whom: str
    at: float
    attempt: int = 0
    done: int = 0


@dataclass
class Chaos:
    """The run.

    Attributes:
        faults: how many are to strike.
        jobs: how many are to be accepted at least.
        width: how many jobs are unfinished at a time.
        pace: seconds between two faults, on average.
        steps: the most that a job takes.
        deadline: seconds after which no more faults strike.
        accepted: idempotency key by id of each job that the service accepted.
    """

    deployment: Deployment
    rng: random.Random
    faults: int
    jobs: int
    width: int
    pace: float
    steps: int
    deadline: float
    accepted: dict[str, str] = field(default_factory=dict)
    strikes: list[Strike] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._deck = deck(self.faults, self.rng)
        self._asked = 0
        self._unanswered = False
        self._asker = threading.Thread()
        self._lost: Strike | None = None

    def disturb(self) -> None:
        """Submit and strike until there were enough of both."""
        end = time.monotonic() + self.deadline
        due = time.monotonic() + self.pace
        while (self._deck or len(self.accepted) < self.jobs) and time.monotonic() < end:
            self.deployment.keep()
            with contextlib.suppress(DatabaseUnavailable):
                if not self._asker.is_alive() and self._unfinished() < self.width:
                    # Beside the faults: while the service is away, asking takes a while.
                    self._asker = threading.Thread(target=self._ask)
                    self._asker.start()
                if self._deck and time.monotonic() >= due and self._strike():
                    due = time.monotonic() + self.pace * self.rng.uniform(0.2, 1.8)
            time.sleep(TICK_SECONDS)

    def settle(self, seconds: float) -> None:
        """Let everything that was accepted come to its end, if it does in this time."""
        self.deployment.wake_all()
        if self._asker.ident is not None:
            self._asker.join()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.deployment.keep()
            with contextlib.suppress(DatabaseUnavailable):
                if self._unanswered:
                    self._ask()
                elif self._unfinished() == 0:
                    return
            time.sleep(TICK_SECONDS)

    def _unfinished(self) -> int:
        counts = self.deployment.store.counts()
        return sum(counts[status] for status in STATUSES if status not in TERMINAL)

    def _ask(self) -> None:
        """Ask for one more job, or once more for one of which no answer came."""
        steps = self.steps // 4 + self._asked * 37 % (self.steps * 3 // 4)
        self._unanswered = True
        with contextlib.suppress(httpx.HTTPError):
            answer = self.deployment.http.post(
                "/jobs/drill",
                json={"steps": steps, "alias": "production"},
                headers={"Idempotency-Key": f"chaos-{self._asked}"},
            )
            if answer.status_code == httpx.codes.ACCEPTED:
                self.accepted[answer.json()["id"]] = f"chaos-{self._asked}"
                self._asked += 1
                self._unanswered = False

    def _strike(self) -> bool:
        kind = next((kind for kind in self._deck if FAULTS[kind].gentle or self._calm()), None)
        if kind is None:
            return False
        before = {w.job_id: self.deployment.checkpoint(w.job_id) for w in self.deployment.at_work()}
        at = time.time()
        whom = FAULTS[kind].harm(self.deployment, self.rng)
        if not whom:
            # Nobody to harm just now: its turn comes again.
            self._deck.append(self._deck.pop(self._deck.index(kind)))
            return False
        # Not taken from the deck before it is certain that it will be counted.
        attempt = self.deployment.store.get(whom).attempt if kind == "worker SIGKILL" else 0
        self._deck.remove(kind)
        self.strikes.append(Strike(kind, whom, at, attempt, before.get(whom, 0)))
        if kind == "worker SIGKILL" and self.rng.random() < 0.5:
            self._lost = self.strikes[-1]
        return True

    def _calm(self) -> bool:
        """Whether nothing holds back harder faults: no lost job that is watched waits to run."""
        if (lost := self._lost) is None or time.time() > lost.at + CALM_SECONDS:
            return True
        job = self.deployment.store.get(lost.whom)
        if job.finished or (job.status == "running" and job.attempt > lost.attempt):
            self._lost = None
        return self._lost is None
