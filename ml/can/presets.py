"""The published datasets that are known by name."""

from __future__ import annotations

from dataclasses import dataclass

SPLITS = (
    "train_01_attack_free",
    "train_02_with_attacks",
    "test_01_known_vehicle_known_attack",
    "test_02_unknown_vehicle_known_attack",
    "test_03_known_vehicle_unknown_attack",
    "test_04_unknown_vehicle_unknown_attack",
)


@dataclass(frozen=True)
class DatasetPreset:
    """A published dataset.

    Attributes:
        title: its name as its authors write it.
        description: what is in it.
        splits: the split folders it is expected to have.
    """

    title: str
    description: str
    splits: tuple[str, ...]


def _can_train_and_test(number: int) -> DatasetPreset:
    return DatasetPreset(
        title=f"can-train-and-test, set {number:02d}",
        description="Real drives of several cars, with attacks added to them afterwards.",
        splits=SPLITS,
    )


DATASETS: dict[str, DatasetPreset] = {
    "hcrl_sa": DatasetPreset(
        title="HCRL survival analysis",
        description="Three cars (kia, sonata, spark) under flooding, fuzzing and malfunction.",
        splits=SPLITS[:5],
    ),
    "hcrl_ch": DatasetPreset(
        title="HCRL car hacking",
        description="One car under DoS, fuzzing, and spoofing of gear and engine speed.",
        splits=(SPLITS[0], SPLITS[1], SPLITS[2]),
    ),
    **{f"set_{number:02d}": _can_train_and_test(number) for number in range(1, 5)},
}
