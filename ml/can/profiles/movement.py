"""How an id's payloads change from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from ml.can.features.names import CAP
from ml.can.features.payloads import summed_over_bytes
from ml.can.profiles.surprises import Floats, byte_counts, byte_surprise, tail_surprise
from ml.can.profiles.tables import IDS, table
from ml.can.profiles.traffic import EnrolledTraffic, quantile_by_group
from ml.can.profiles.values import USUAL
from ml.can.runs import Ints

BITS = 64


@dataclass(frozen=True)
class Movement:
    """Steps between the payloads of I ids.

    Attributes:
        count: (I,) steps seen.
        surprise: (I, 8, 256) nats of each difference, modulo 256, of each byte.
        usual_surprise: (I,) nats that 99.9 % of the id's steps stay within.
        many_flips, few_flips: (I, 65) nats of at least, at most that many bits flipping.
        most_flips: (I,) bits that ever flipped at once, 64 where there was no step.
    """

    count: Annotated[Ints, table(IDS, dtype="int64", low=0)]
    surprise: Annotated[Floats, table(IDS, 8, 256, dtype="float32", low=0, high=4 * CAP)]
    usual_surprise: Annotated[Floats, table(IDS, dtype="float32", low=0)]
    many_flips: Annotated[Floats, table(IDS, BITS + 1, dtype="float32", low=0, high=CAP)]
    few_flips: Annotated[Floats, table(IDS, BITS + 1, dtype="float32", low=0, high=CAP)]
    most_flips: Annotated[Ints, table(IDS, dtype="int64", low=0, high=BITS)]

    @staticmethod
    def learn(traffic: EnrolledTraffic) -> Movement:
        """Count byte differences and bit flips of every pair within one segment."""
        place, later, ids = traffic.pair_place, traffic.later, len(traffic.ids)
        after, before = traffic.order[later], traffic.order[later - 1]
        step = traffic.payload[after] - traffic.payload[before]
        surprise = byte_surprise(byte_counts(place, step, ids))
        total = summed_over_bytes(surprise, place, step)
        flips = np.bitwise_count(traffic.word[after] ^ traffic.word[before]).astype(np.int64)
        flat = np.bincount(place * (BITS + 1) + flips, minlength=ids * (BITS + 1))
        counts = flat.reshape(ids, BITS + 1)
        steps = counts.sum(axis=1)
        at_least = counts[:, ::-1].cumsum(axis=1)[:, ::-1]
        most = BITS - np.argmax((counts > 0)[:, ::-1], axis=1)
        return Movement(
            count=steps,
            surprise=surprise,
            usual_surprise=quantile_by_group(place, total, ids, USUAL),
            many_flips=tail_surprise(at_least, steps[:, None]),
            few_flips=tail_surprise(counts.cumsum(axis=1), steps[:, None]),
            most_flips=np.where(steps > 0, most, BITS),
        )
