"""Payloads as eight bytes, as one word, and what can be computed from them alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ml.can.frames import CLASSIC_BYTES, Frames
from ml.can.runs import Ints

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint64]

# What a CAN-FD frame can be long, after the classic 0 to 8.
FD_LENGTHS = (12, 16, 20, 24, 32, 48, 64)
LENGTHS = CLASSIC_BYTES + 1 + len(FD_LENGTHS)
_CODE = np.searchsorted([*range(CLASSIC_BYTES + 1), *FD_LENGTHS], np.arange(256)).clip(
    max=LENGTHS - 1
)


def eight_bytes(frames: Frames) -> Bytes:
    """Payload as (n, 8); a CAN-FD payload is folded, place i xor-ing every eighth byte."""
    width = frames.payload.shape[1]
    if width == CLASSIC_BYTES:
        return frames.payload
    folded = frames.payload.reshape(len(frames), width // CLASSIC_BYTES, CLASSIC_BYTES)
    eight: Bytes = np.bitwise_xor.reduce(folded, axis=1)
    return eight


def words(payload: Bytes) -> Words:
    """Each (n, 8) payload as one 64-bit word, (n,)."""
    return np.ascontiguousarray(payload).view(np.uint64).ravel()


def length_codes(length: NDArray[np.uint8]) -> Ints:
    """Payload lengths as 0 … `LENGTHS` − 1: each length that CAN and CAN-FD know has its own."""
    codes: Ints = _CODE[length]
    return codes


def payload_keys(place: Ints, word: Words) -> Words:
    """One number for an id's place and a payload, (n,); equal pairs get equal numbers."""
    key = word ^ (place.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    key ^= key >> np.uint64(29)
    key *= np.uint64(0xBF58476D1CE4E5B9)
    key ^= key >> np.uint64(32)
    return key


def checksums(payload: Bytes) -> Bytes:
    """What common checksum rules leave of each payload, (n, 43).

    A rule under which every payload of an id leaves the same residue is that id's checksum:
    xor of all bytes, of all nibbles, sum of all bytes, each byte against the sum of the others,
    the same for nibbles, and the sum modulo 255.
    """
    value = payload.astype(np.int32)
    nibbles = np.concatenate([value >> 4, value & 15], axis=1)
    total = value.sum(axis=1, keepdims=True)
    total_nibbles = nibbles.sum(axis=1, keepdims=True)
    xor = np.bitwise_xor.reduce(value, axis=1)[:, None]
    residues = [
        xor,
        (xor >> 4) ^ (xor & 15),
        total & 255,
        (2 * value - total) & 255,
        total_nibbles & 15,
        (2 * nibbles - total_nibbles) & 15,
        total % 255,
    ]
    return np.concatenate(residues, axis=1).astype(np.uint8)


def summed_over_bytes(
    table: NDArray[np.float32], place: Ints, payload: Bytes
) -> NDArray[np.float32]:
    """Sum over the eight bytes of what a table holds for each byte's value, (n,).

    Args:
        table: (I, 8, 256) by id, byte and value.
        place: (n,) whose row of it.
        payload: (n, 8).
    """
    flat, base = table.reshape(-1), place * (CLASSIC_BYTES * 256)
    a, b, c, d, e, f, g, h = (
        flat[base + (byte * 256 + payload[:, byte].astype(np.int64))]
        for byte in range(CLASSIC_BYTES)
    )
    total: NDArray[np.float32] = ((a + b) + (c + d)) + ((e + f) + (g + h))
    return total


CHECKSUMS = checksums(np.zeros((1, CLASSIC_BYTES), np.uint8)).shape[1]
