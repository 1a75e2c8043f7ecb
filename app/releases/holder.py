"""Holds the release in use: loads, verifies and warms the next one before the old one goes."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

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
        keep: int = 3,
    ) -> None:
        self.alias = alias
        self.refused: Refusal | None = None
        self._store = store
        self._poll_seconds = poll_seconds
        self._retry_seconds = retry_seconds
        self._keep = keep
        self._current: Scorer | None = None
        self._loaded: OrderedDict[str, Scorer] = OrderedDict()
        self._loading = threading.Lock()
        self._looking = threading.Lock()
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
        return self._load(self._store.resolve(reference))

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
            self._current = self._load(version)
            self.refused = None
            logger.info("release %s is in use", version)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the old one serves on
            self.refused = Refusal(version, str(error), time.monotonic())
            kept = self._current.version if self._current else "none"
            logger.error("release %s is refused, %s stays in use: %s", version, kept, error)  # noqa: TRY400 - for operators, not a crash

    def _load(self, version: str) -> Scorer:
        """The scorer of a version, loaded if it is not yet, verified and warm."""
        if (scorer := self._loaded_already(version)) is not None:
            return scorer
        with self._loading:
            if (scorer := self._loaded_already(version)) is None:
                scorer = self._store.load(version)  # which verifies every file
                scorer.warm()
                self._keep_loaded(scorer)
        return scorer

    def _loaded_already(self, version: str) -> Scorer | None:
        # Not behind the lock of loading: a way back to a loaded release waits for nothing.
        with self._looking:
            if version in self._loaded:
                self._loaded.move_to_end(version)
            return self._loaded.get(version)

    def _keep_loaded(self, scorer: Scorer) -> None:
        with self._looking:
            self._loaded[scorer.version] = scorer
            while len(self._loaded) > self._keep:
                self._loaded.popitem(last=False)

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
