"""What an id's payloads hold: lengths, byte values, constant bits, whole payloads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from ml.can.features.names import CAP
from ml.can.features.payloads import LENGTHS, Words, payload_keys, summed_over_bytes
from ml.can.profiles.surprises import Floats, byte_counts, byte_surprise, tail_surprise
from ml.can.profiles.tables import IDS, table
from ml.can.profiles.traffic import EnrolledTraffic, quantile_by_group
from ml.can.runs import Ints

USUAL = 0.999
RARE_LENGTH = 0.01


@dataclass(frozen=True)
class Lengths:
    """Payload lengths of I ids.

    Attributes:
        surprise: (I, 16) nats of each length code; 0 for one of more than 1 % of the frames.
    """

    surprise: Annotated[Floats, table(IDS, LENGTHS, dtype="float32", low=0, high=CAP)]

    @staticmethod
    def learn(traffic: EnrolledTraffic) -> Lengths:
        """Count each id's payload lengths."""
        ids = len(traffic.ids)
        flat = np.bincount(traffic.place * LENGTHS + traffic.length, minlength=ids * LENGTHS)
        counts, total = flat.reshape(ids, LENGTHS), traffic.count[:, None]
        surprise = tail_surprise(counts, total)
        surprise[counts > RARE_LENGTH * total] = 0
        return Lengths(surprise)


@dataclass(frozen=True)
class Values:
    """Payloads of I ids, K distinct ones in all.

    Attributes:
        surprise: (I, 8, 256) nats of each value of each byte.
        seen: (I, 8, 256) whether a byte ever had a value; `new_value`: (I, 8) nats of a new one.
        usual_surprise: (I,) nats that 99.9 % of the id's payloads stay within.
        low, high: (I, 8) least and largest value of each byte.
        constant_mask: (I,) bits that never changed; `constant_value`: (I,) what they are.
        payloads: (K,) keys of all payloads seen, see `payload_keys`.
        distinct_payloads: (I,) how many each id had; `payload_novelty`: (I,) nats of a new one.
    """

    surprise: Annotated[Floats, table(IDS, 8, 256, dtype="float32", low=0, high=4 * CAP)]
    seen: Annotated[NDArray[np.bool_], table(IDS, 8, 256, dtype="bool")]
    new_value: Annotated[Floats, table(IDS, 8, dtype="float32", low=0, high=CAP)]
    usual_surprise: Annotated[Floats, table(IDS, dtype="float32", low=0)]
    low: Annotated[NDArray[np.int16], table(IDS, 8, dtype="int16", low=0, high=255)]
    high: Annotated[NDArray[np.int16], table(IDS, 8, dtype="int16", low=0, high=255)]
    constant_mask: Annotated[Words, table(IDS, dtype="uint64")]
    constant_value: Annotated[Words, table(IDS, dtype="uint64")]
    payloads: Annotated[Words, table("payloads", dtype="uint64", ascending=True)]
    distinct_payloads: Annotated[Ints, table(IDS, dtype="int64", low=1)]
    payload_novelty: Annotated[Floats, table(IDS, dtype="float32", low=0, high=CAP)]

    @staticmethod
    def learn(traffic: EnrolledTraffic) -> Values:
        """Count byte values, and remember payloads and the bits that all of an id's share."""
        place, ids = traffic.place, len(traffic.ids)
        counts = byte_counts(place, traffic.payload, ids)
        surprise = byte_surprise(counts)
        seen = counts > 0
        new = tail_surprise(seen.sum(axis=-1) - 1, traffic.count[:, None])
        total = summed_over_bytes(surprise, place, traffic.payload)
        word = traffic.word[traffic.order]
        ever = np.bitwise_or.reduceat(word, traffic.ptr[:-1])
        always = np.bitwise_and.reduceat(word, traffic.ptr[:-1])
        distinct = _distinct(place, traffic.word, ids)
        return Values(
            surprise=surprise,
            seen=seen,
            new_value=new,
            usual_surprise=quantile_by_group(place, total, ids, USUAL),
            low=np.argmax(seen, axis=-1).astype(np.int16),
            high=(255 - np.argmax(seen[..., ::-1], axis=-1)).astype(np.int16),
            constant_mask=np.invert(ever ^ always),
            constant_value=always,
            payloads=np.unique(payload_keys(place, traffic.word)),
            distinct_payloads=distinct,
            payload_novelty=tail_surprise(distinct - 1, traffic.count),
        )

    def has_seen(self, keys: Words) -> NDArray[np.bool_]:
        """Whether each of (n,) `payload_keys` is among the payloads seen."""
        at = np.minimum(np.searchsorted(self.payloads, keys), len(self.payloads) - 1)
        seen: NDArray[np.bool_] = self.payloads[at] == keys
        return seen


def _distinct(place: Ints, word: Words, ids: int) -> Ints:
    """How many different payloads each id had, (I,)."""
    order = np.lexsort((word, place))
    by_place, by_word = place[order], word[order]
    new = np.ones(len(order), bool)
    new[1:] = (by_place[1:] != by_place[:-1]) | (by_word[1:] != by_word[:-1])
    return np.bincount(by_place[new], minlength=ids)
