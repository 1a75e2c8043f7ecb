"""Named configurations, kept in a hydra-zen store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from hydra_zen import ZenStore, instantiate, just

from ml.can.datasets import DATASETS
from ml.errors import NotFound
from ml.experts.bank import ExpertsConfig
from ml.experts.training import ExpertTrainingConfig
from ml.fusion.config import FusionTrainingConfig
from ml.pipelines.experts import ExpertsJobConfig
from ml.pipelines.fusion import FusionConfig
from ml.pipelines.registry import pipeline

SIMULATED = "simulated"


@dataclass(frozen=True)
class Preset:
    """A named configuration.

    Attributes:
        name: as in `--preset NAME` or `{"preset": NAME}`.
        kind: the job kind that it configures.
        summary: one line for people.
    """

    name: str
    kind: str
    summary: str


def presets() -> dict[str, Preset]:
    """Every preset by name."""
    return {preset.name: preset for preset, _ in _declared()}


def resolve(kind: str, preset: str | None, overrides: Mapping[str, Any]) -> Any:
    """Make a job's configuration from a preset and what is to differ from it.

    Args:
        kind: the job kind.
        preset: name of a preset of that kind, or None to start from the defaults.
        overrides: nested values that replace the preset's.

    Raises:
        NotFound: there is no such kind or preset.
        InvalidInput: a value is unknown, missing or out of range.
    """
    job = pipeline(kind)
    if preset is None:
        return job.parse(overrides)
    names = [p.name for p in presets().values() if p.kind == kind]
    if preset not in names:
        raise NotFound(
            f"There is no {kind} preset '{preset}'.",
            f"Choose one of: {', '.join(names)}." if names else f"The kind {kind} has no presets.",
        )
    return job.parse(_merged(asdict(instantiate(_store()[kind, preset])), overrides))


@cache
def _store() -> ZenStore:
    store = ZenStore("canfuse", deferred_hydra_store=True)
    for preset, config in _declared():
        store(just(config), group=preset.kind, name=preset.name)
    return store


def _declared() -> Iterator[tuple[Preset, Any]]:
    for name, dataset in DATASETS.items():
        yield Preset(f"fusion_{name}", "fusion", dataset.title), FusionConfig(dataset=name)
        yield Preset(f"experts_{name}", "experts", dataset.title), ExpertsJobConfig(dataset=name)
    yield (
        Preset("fusion_simulated", "fusion", "The simulated bus"),
        FusionConfig(dataset=SIMULATED),
    )
    quick = ExpertTrainingConfig(max_epochs=4)
    yield (
        Preset("fusion_demo", "fusion", "The simulated bus, in a minute or two"),
        FusionConfig(
            dataset=SIMULATED,
            experts=ExpertsConfig(training=quick),
            training=FusionTrainingConfig(max_epochs=20, early_stopping_patience=8),
        ),
    )


def _merged(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**base, **overrides}
    for name in base.keys() & overrides.keys():
        if isinstance(base[name], Mapping) and isinstance(overrides[name], Mapping):
            merged[name] = _merged(base[name], overrides[name])
    return merged
