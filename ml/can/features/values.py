"""How unlike its id's own values a payload is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml.can.features.arrangement import Arrangement, Floats, Mask
from ml.can.features.payloads import payload_keys
from ml.can.features.timing import CAP

if TYPE_CHECKING:
    from ml.can.profiles.profile import VehicleProfile

BYTES = np.arange(8)


@dataclass(frozen=True)
class Values:
    """What the payload of each of M entries says; all 0 for an unknown id.

    Attributes:
        changed_bits, changed_bytes: (M,) constant bits that differ, bytes that hold one.
        novelty: (M,) surprise of byte values never seen, summed; `novel_bytes`: (M,) how many.
        range_excess: (M,) farthest distance beyond a byte's range / 255.
        surprise: (M,) of all bytes beyond the id's usual.
        novel: (M,) whether the payload was never seen; `novel_surprise`: (M,) its surprise.
    """

    changed_bits: Floats
    changed_bytes: Floats
    novelty: Floats
    novel_bytes: Floats
    range_excess: Floats
    surprise: Floats
    novel: Mask
    novel_surprise: Floats


def frame_values(windows: Arrangement, profile: VehicleProfile) -> Values:
    """Judge every payload by the tables of its id's bytes, bits and payloads."""
    table, place, known = profile.values, windows.place, windows.known
    value = windows.payload
    differ = (windows.word ^ table.constant_value[place]) & table.constant_mask[place]
    differ[~known] = 0
    novelty = table.novelty[place[:, None], BYTES, value] * known[:, None]
    novel_byte = novelty > 0
    wide = value.astype(np.int16)
    outside = np.maximum(table.low[place] - wide, wide - table.high[place])
    outside = np.where(novel_byte, np.maximum(outside, 0), 0).max(axis=1)
    total = table.surprise[place[:, None], BYTES, value].sum(axis=1)
    beyond = np.clip(total - table.usual_surprise[place], 0, 4 * CAP)
    novel = known & ~_holds(table.payloads, payload_keys(place, windows.word))
    return Values(
        changed_bits=np.bitwise_count(differ).astype(np.float32),
        changed_bytes=_nonzero_bytes(differ),
        novelty=novelty.sum(axis=1),
        novel_bytes=novel_byte.sum(axis=1).astype(np.float32),
        range_excess=(outside / 255.0).astype(np.float32),
        surprise=np.where(known, beyond, 0).astype(np.float32),
        novel=novel,
        novel_surprise=np.where(novel, table.payload_novelty[place], np.float32(0)),
    )


def _nonzero_bytes(word: np.ndarray) -> Floats:
    return (word.view(np.uint8).reshape(-1, 8) != 0).sum(axis=1).astype(np.float32)


def _holds(ascending: np.ndarray, wanted: np.ndarray) -> Mask:
    at = np.minimum(np.searchsorted(ascending, wanted), len(ascending) - 1)
    held: Mask = ascending[at] == wanted
    return held


def value_features(windows: Arrangement, values: Values) -> dict[str, Floats]:
    """The family `values` of each node."""
    most, least = windows.most(values.surprise), windows.least(values.surprise)
    novel = windows.total(values.novel.astype(np.float32))
    return {
        "changed_constant_bits": windows.most(values.changed_bits),
        "changed_constant_bytes": windows.most(values.changed_bytes),
        "novel_bytes_surprise": windows.most(values.novelty),
        "novel_bytes": windows.most(values.novel_bytes),
        "range_excess": windows.most(values.range_excess),
        "value_surprise": most,
        "novel_payload_surprise": windows.most(values.novel_surprise),
        "novel_payload_share": novel / windows.runs.count,
        "least_value_surprise": least,
        "value_surprise_spread": most - least,
    }
