"""Which id follows which on the bus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from ml.can.features.names import CAP
from ml.can.profiles.surprises import Floats, tail_surprise
from ml.can.profiles.tables import IDS, table
from ml.can.profiles.traffic import EnrolledTraffic
from ml.can.runs import Ints


@dataclass(frozen=True)
class Transitions:
    """Steps from one frame to the next between I ids, T distinct ones.

    Attributes:
        seen: (T,) source place · I + target place of each, ascending.
        novelty: (I,) nats of a new step from an id.
    """

    seen: Annotated[Ints, table("transitions", dtype="int64", low=0, ascending=True)]
    novelty: Annotated[Floats, table(IDS, dtype="float32", low=0, high=CAP)]

    @staticmethod
    def learn(traffic: EnrolledTraffic) -> Transitions:
        """Remember every step within one segment."""
        ids = len(traffic.ids)
        inside = traffic.segment[1:] == traffic.segment[:-1]
        source, target = traffic.place[:-1][inside], traffic.place[1:][inside]
        seen = np.unique(source * ids + target)
        distinct = np.bincount(seen // ids, minlength=ids)
        steps = np.bincount(source, minlength=ids)
        return Transitions(seen, tail_surprise(np.maximum(distinct - 1, 0), steps))

    def holds(self, source: Ints, target: Ints) -> NDArray[np.bool_]:
        """Whether each step between two places was seen, (m,)."""
        wanted = source * len(self.novelty) + target
        if not len(self.seen):
            return np.zeros(len(wanted), bool)
        at = np.minimum(np.searchsorted(self.seen, wanted), len(self.seen) - 1)
        held: NDArray[np.bool_] = self.seen[at] == wanted
        return held
