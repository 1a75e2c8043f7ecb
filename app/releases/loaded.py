"""The releases that are in memory, the latest used ones."""

from __future__ import annotations

import threading
from collections import OrderedDict

from ml.releases import ReleaseStore
from ml.scoring import Scorer


class LoadedReleases:
    """Loads releases when they are asked for and keeps a few. Safe to share between threads.

    Attributes:
        keep: how many are kept; each takes some megabytes.
    """

    def __init__(self, store: ReleaseStore, keep: int = 3) -> None:
        self.keep = keep
        self._store = store
        self._scorers: OrderedDict[str, Scorer] = OrderedDict()
        self._loading = threading.Lock()
        self._looking = threading.Lock()

    def get(self, version: str) -> Scorer:
        """The scorer of a version, verified and warm.

        Raises:
            CanfuseError: the release is missing, corrupt, too new, or cannot score.
        """
        if (scorer := self._known(version)) is not None:
            return scorer
        with self._loading:
            if (scorer := self._known(version)) is None:
                scorer = self._store.load(version, warm=True)  # which verifies every file
                self._add(scorer)
        return scorer

    def _known(self, version: str) -> Scorer | None:
        # Not behind the lock of loading: a way back to a loaded release waits for nothing.
        with self._looking:
            if version in self._scorers:
                self._scorers.move_to_end(version)
            return self._scorers.get(version)

    def _add(self, scorer: Scorer) -> None:
        with self._looking:
            self._scorers[scorer.version] = scorer
            while len(self._scorers) > self.keep:
                self._scorers.popitem(last=False)
