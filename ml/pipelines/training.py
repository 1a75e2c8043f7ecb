"""What the job kinds that train experts share: one configuration, one beginning, the same steps."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

from pydantic import Field, TypeAdapter

from ml.can.datasets import Dataset, find_dataset
from ml.can.loading import LabelledCapture, enrol_all, label_all
from ml.can.profiles.enrolment import Enrolment, EnrolmentConfig
from ml.can.recordings import read_recording, read_recordings
from ml.can.windows import WindowConfig
from ml.config import config
from ml.context import Context, Span, Workspace
from ml.digests import code_digest, differences
from ml.errors import InvalidInput
from ml.experts.bank import ExpertBank, ExpertsConfig, train_bank
from ml.files import write_atomically
from ml.fusion.cache import PredictionCache
from ml.fusion.cache_builder import PredictionCacheBuilder
from ml.fusion.config import FusionDataConfig
from ml.releases import Manifest, ReleaseStore

LONGEST_FILE_NAME = 100
# What an attempt worked at; a folder with it holds work worth keeping.
TASK = "task.json"


@config
class TrainingConfig:
    """What every job that trains experts is told.

    Attributes:
        dataset: folder of splits in a data directory, or several joined by commas.
        window: how traffic is cut.
        enrolment: how much of each car's traffic its profile is learnt from.
        experts: which experts, and how they are trained.
        seed: decides all randomness.
    """

    dataset: Annotated[str, Field(min_length=1, max_length=500)]
    window: WindowConfig = field(default_factory=WindowConfig)
    enrolment: EnrolmentConfig = field(default_factory=EnrolmentConfig)
    experts: ExpertsConfig = field(default_factory=ExpertsConfig)
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0


Config = TypeVar("Config", bound=TrainingConfig)


@dataclass(frozen=True)
class Training(Generic[Config]):
    """A job that trains, ready to start.

    Attributes:
        config: the job, a named release resolved to its version.
        context: the job's context.
        dataset: the captures.
        captures: those to train on, read and labelled.
        enrolments: how each of their cars was enrolled.
        released: the card of the release whose experts are used, None where new ones are trained.
        banks: takes the checkpoints of experts that only cross-fitting needs.
    """

    config: Config
    context: Context
    dataset: Dataset
    captures: list[LabelledCapture]
    enrolments: Mapping[str, Enrolment]
    released: Manifest | None
    banks: Path

    @property
    def name(self) -> str:
        """The dataset's name (several joined by `+`) as part of a file name."""
        return self.config.dataset.replace(" ", "").replace(",", "+")[:LONGEST_FILE_NAME]

    @property
    def provenance(self) -> dict[str, Any]:
        """What a manifest says of where a release comes from."""
        recipe = {name: v for name, v in asdict(self.config).items() if name != "alias"}
        trained_on = {c.capture.digest for c in self.captures}
        if self.released is not None:
            trained_on.update(self.released.dataset["trained_on"])
        return {
            "dataset": {
                "name": self.dataset.name,
                "digest": self.dataset.digest,
                "trained_on": sorted(trained_on),
            },
            "config": recipe,
            "window": asdict(self.config.window),
            "parents": () if self.released is None else (self.released.version,),
        }


def check_training(config: TrainingConfig, workspace: Workspace) -> None:
    """Refuse an unknown dataset or release before any work is done."""
    find_dataset(config.dataset, workspace.data_dirs, deduplicate=False)
    _released(config, workspace)


def begin(config: Config, context: Context, progress: Span) -> Training[Config]:
    """Read and check everything that the job needs, test captures too, before hours are spent.

    Raises:
        CanfuseError: something is missing or cannot be read.
        Cancelled: the run was asked to stop.
    """
    released = _released(config, context.workspace)
    if released is not None:
        context.log(f"Using the experts of release {released.version}.")
        known = TypeAdapter(ExpertsConfig).validate_python(released.config["experts"])
        config = replace(config, experts=replace(known, release=released.version))
    dataset = find_dataset(config.dataset, context.workspace.data_dirs)
    for left_out, kept in dataset.repeats:
        context.log(f"{left_out} repeats {kept} and is left out.", "warning")
    for n, capture in enumerate(dataset.test):
        progress.progress("check captures", n / len(dataset.test) / 4, capture.name)
        read_recording(capture, config.window)
    recordings = read_recordings(dataset.train, config.window, progress.span(0.25, 0.5))
    enrolments = enrol_all(recordings, config.enrolment)
    captures = label_all(
        recordings, enrolments, config.window, config.enrolment, progress.span(0.5, 1)
    )
    banks = context.workdir / "folds"
    training = Training(config, context, dataset, captures, enrolments, released, banks)
    _continue_or_start_afresh(training)
    return training


def final_bank(training: Training[Any], progress: Span) -> ExpertBank:
    """The experts that will serve: the release's, or new ones trained on everything."""
    config, context = training.config, training.context
    if training.released is not None:
        store = ReleaseStore(context.workspace.releases)
        return ExpertBank.load(store.verified(training.released.version))
    folder = context.artifacts / "experts"
    return train_bank(
        training.captures, config.experts, config.window, folder, progress, config.seed
    )


def prediction_cache(
    training: Training[Any], data: FusionDataConfig, progress: Span, bank: ExpertBank | None = None
) -> tuple[PredictionCache, str]:
    """Build or find the prediction cache, see `PredictionCacheBuilder.build`."""
    config, context = training.config, training.context
    builder = PredictionCacheBuilder(
        root=context.workspace.cache / "fusion" / training.name,
        workdir=context.workdir,
        banks=training.banks,
        experts=replace(config.experts, release=None),
        data=data,
        window=config.window,
        seed=config.seed,
    )
    return builder.build(training.captures, progress, bank)


def never_seen(training: Training[Any]) -> bool:
    """Whether the released experts saw none of these captures in training."""
    if training.released is None:
        return False
    seen = set(training.released.dataset["trained_on"])
    return not seen & {c.capture.digest for c in training.captures}


def _released(config: TrainingConfig, workspace: Workspace) -> Manifest | None:
    if config.experts.release is None:
        return None
    manifest = ReleaseStore(workspace.releases).manifest(config.experts.release)
    if manifest.window != asdict(config.window):
        raise InvalidInput(
            f"The experts of release {manifest.version} look at windows of {manifest.window}.",
            "Set `window` to the same values, or train new experts.",
        )
    return manifest


def _continue_or_start_afresh(training: Training[Any]) -> None:
    """Drop what an earlier attempt left, unless it worked at the very same task."""
    workdir = training.context.workdir
    task = json.loads(json.dumps({**training.provenance, "code": code_digest()}))
    note = workdir / TASK
    before = json.loads(note.read_text()) if note.exists() else task
    if changed := differences(before, task):
        training.context.log(
            f"Starting afresh: {', '.join(changed)} changed since the last attempt.", "warning"
        )
        for left in (workdir / "folds", training.context.artifacts):
            shutil.rmtree(left, ignore_errors=True)
    write_atomically(note, json.dumps(task, indent=1).encode())
