"""Watches whether the scores of now still look like those that their release was made with."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from ml.errors import CanfuseError
from ml.evaluation.drift import Reference
from ml.releases import ReleaseStore

REFERENCES = "score_references"
SCORES = ("anomaly_score", "gat_prob", "fused_score")
FEWEST_WINDOWS = 200
MEMORY_WINDOWS = 10_000
_MOST_RELEASES = 3
_ADAPTER = TypeAdapter(dict[str, Reference])

logger = logging.getLogger(__name__)


@dataclass
class _Recent:
    """The latest scores of a release in the bins of its references; older ones are forgotten."""

    references: Mapping[str, Reference]
    windows: float = 0.0
    counts: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def add(self, columns: Mapping[str, Sequence[float]]) -> None:
        for name, reference in self.references.items():
            fresh = reference.counts(columns[name])
            size = fresh.sum()
            kept = max(0.0, 1 - size / MEMORY_WINDOWS)
            taken = min(1.0, MEMORY_WINDOWS / size)
            self.counts[name] = self.counts.get(name, np.zeros_like(fresh)) * kept + fresh * taken
            self.windows = float(self.counts[name].sum())


class DriftWatch:
    """Compares scores with their release's references. Safe to share between threads."""

    def __init__(self, store: ReleaseStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._recent: OrderedDict[str, _Recent] = OrderedDict()

    def observe(self, release: str, columns: Mapping[str, Sequence[float]]) -> None:
        """Take note of the scores of some windows, by column."""
        with self._lock:
            if release not in self._recent:
                self._recent[release] = _Recent(self._references(release))
                while len(self._recent) > _MOST_RELEASES:
                    self._recent.popitem(last=False)
            self._recent.move_to_end(release)
            self._recent[release].add(columns)

    def psi(self) -> dict[tuple[str, ...], float]:
        """The drift by release and score, of those that enough windows were seen of."""
        with self._lock:
            return {
                (release, name): recent.references[name].psi(counts)
                for release, recent in self._recent.items()
                if recent.windows >= FEWEST_WINDOWS
                for name, counts in recent.counts.items()
            }

    def _references(self, release: str) -> dict[str, Reference]:
        """Those of the release's card, for the scores that there are; none in an older one."""
        try:
            card = self._store.manifest(release)
            found = _ADAPTER.validate_python(card.metrics.get(REFERENCES, {}))
            return {name: found[name] for name in SCORES if name in found}
        except (CanfuseError, ValidationError) as error:
            logger.warning("the drift of release %s is not watched: %s", release, error)
            return {}
