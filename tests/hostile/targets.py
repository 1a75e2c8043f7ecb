"""The readers of logs: what to begin with, how to change it, what must hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

import mutations
import seeds
from mutations import Mutate
from oracles import check_lines, check_log, check_messages


@dataclass(frozen=True)
class Target:
    """Something that reads what comes from outside.

    Attributes:
        seeds: whole files, or bodies, that it accepts.
        mutate: changes one.
        check: gives it to the code and makes sure of the outcome: accepted or refused.
        share: of the inputs of a whole run; what takes longer gets fewer.
    """

    seeds: Callable[[], Sequence[bytes]]
    mutate: Mutate
    check: Callable[[bytes], str]
    share: float

    def draw(self, rng: Random) -> bytes:
        """A changed seed."""
        return mutations.several(self.mutate, rng.choice(self.seeds()), rng)


def _texts() -> list[bytes]:
    return [*seeds.text_logs().values()]


def _tables() -> list[bytes]:
    return [*seeds.table_logs().values()]


READERS: Mapping[str, Target] = {
    "lines": Target(_texts, mutations.text_lines, check_lines, share=0.72),
    "messages": Target(
        lambda: [*seeds.vendor_texts(), seeds.blf_log()],
        lambda data, rng: (
            mutations.blf_file if data.startswith(b"LOGG") else mutations.text_lines
        )(data, rng),
        check_messages,
        share=0.20,
    ),
    "texts": Target(_texts, mutations.text_lines, check_log, share=0.03),
    "tables": Target(_tables, mutations.table_file, check_log, share=0.015),
    "blf": Target(lambda: [seeds.blf_log()], mutations.blf_file, check_log, share=0.01),
    "bytes": Target(
        lambda: [*_texts(), *_tables(), seeds.blf_log()],
        mutations.any_bytes,
        check_log,
        share=0.015,
    ),
    "mf4": Target(lambda: [seeds.mf4_log()], mutations.any_bytes, check_log, share=0.0001),
}
