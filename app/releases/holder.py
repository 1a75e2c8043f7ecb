"""Holds the release in use: loads, verifies and warms the next one before the old one goes."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass

from app.releases.loaded import LoadedReleases
from ml.releases import ReleaseStore
from ml.releases.store import NoRelease
from ml.scoring import Scorer

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Refusal:
    """A release that could not be taken into use."""

    version: str
    reason: str
    at: float


class ReleaseHolder:
    """The loaded releases, the one behind `alias` always ready.

    A request takes a scorer once and keeps it to its end, so a swap never touches it.

    Attributes:
        alias: whose release answers where a request names none.
        refused: why the release that the alias points at is not in use, if it is not.
    """

    def __init__(
        self,
        store: ReleaseStore,
        alias: str = "production",
        poll_seconds: float = 0.2,
        retry_seconds: float = 10.0,
    ) -> None:
        self.alias = alias
        self.refused: Refusal | None = None
        self._store = store
        self._poll_seconds = poll_seconds
        self._retry_seconds = retry_seconds
        self._current: Scorer | None = None
        self._loaded = LoadedReleases(store)
        self._woken = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._watch, name="release-holder", daemon=True)

    def start(self) -> None:
        """Take up what is there, then keep watching the alias in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stopped = True
        self._woken.set()
        self._thread.join()

    def nudge(self) -> None:
        """Look at the alias now rather than at the next poll."""
        self._woken.set()

    @property
    def current(self) -> Scorer | None:
        """The scorer in use."""
        return self._current

    def in_use(self) -> dict[str, float]:
        """1 for the version in use: what the metrics tell."""
        return {self._current.version: 1.0} if self._current else {}

    def scorer(self, reference: str | None = None) -> Scorer:
        """The scorer for a request: the one in use, or that of an alias or version.

        Raises:
            NoRelease: none is in use.
            NotFound: the reference names no release.
        """
        if reference is not None and reference != self.alias:
            return self.load(reference)
        if (current := self._current) is None:
            raise self._nothing_to_score_with()
        return current

    def load(self, reference: str) -> Scorer:
        """Load a release, so that it can take over at once.

        Raises:
            NotFound: the reference names no release.
            CanfuseError: the release is corrupt, too new, or cannot score.
        """
        return self._loaded.get(self._store.resolve(reference))

    def refresh(self) -> None:
        """Bring what is in use in line with the alias, as far as its release can be used."""
        version = self._store.aliases().get(self.alias)
        if version is None:
            self._current = self.refused = None
        elif self._current is None or self._current.version != version:
            self._take_up(version)
        else:
            self.refused = None

    def _take_up(self, version: str) -> None:
        refused = self.refused
        if (
            refused
            and refused.version == version
            and time.monotonic() < refused.at + self._retry_seconds
        ):
            return
        try:
            scorer = self._loaded.get(version)
            if self._store.aliases().get(self.alias) == version:  # nobody went back meanwhile
                self._current, self.refused = scorer, None
                logger.info("release %s is in use", version)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the old one serves on
            self.refused = Refusal(version, str(error), time.monotonic())
            kept = self._current.version if self._current else "none"
            logger.error("release %s is refused, %s stays in use: %s", version, kept, error)  # noqa: TRY400 - for operators, not a crash

    def _watch(self) -> None:
        while not self._stopped:
            self._woken.clear()
            try:
                self.refresh()
            except Exception:
                logger.exception("the release aliases cannot be read")
            self._woken.wait(self._poll_seconds)

    def _nothing_to_score_with(self) -> NoRelease:
        if self.refused:
            return NoRelease(
                f"The release {self.refused.version} cannot be used: {self.refused.reason}",
                f"Point the alias '{self.alias}' at another one.",
            )
        return NoRelease(
            f"No release is published as '{self.alias}' yet.",
            "Train one with POST /jobs/fusion, or point the alias at one with PUT /aliases.",
        )
