"""The `protocol` kind: how detection holds on cars and attacks that it has never seen."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from ml.can.datasets import Dataset, find_dataset
from ml.can.loading import LabelledCapture, enrol_all, label_all
from ml.can.profiles.enrolment import Enrolment
from ml.can.recordings import Recording, read_recordings
from ml.can.splits import LEAST_ATTACKED
from ml.config import config
from ml.context import Context, Span, Workspace
from ml.digests import code_digest, digest_of
from ml.errors import InvalidInput
from ml.evaluation.captures import CaptureScores, Family, families_by_split
from ml.evaluation.leakage import Leakage, TrainingTraffic
from ml.evaluation.report import write_report
from ml.fusion.cache_builder import seen_by_experts
from ml.pipelines.evaluation import Knowledge, Measured, enrolled_cars, measure
from ml.pipelines.learning import FusionTaskConfig, check_learning, learn, scorer_of
from ml.pipelines.registry import Pipeline
from ml.pipelines.training import Training

FEW_VEHICLE_FOLDS = 3

FamilyName = Literal["splits", "unseen vehicle", "unseen kind"]
QUESTIONS: Mapping[FamilyName, str] = {
    "splits": "How does a detector do on the dataset's own test captures?",
    "unseen vehicle": "How does it do on a car that it never saw, enrolled in seconds?",
    "unseen kind": "How does it do on a kind of attack that it never saw?",
}


@config
class ProtocolConfig(FusionTaskConfig):
    """An evaluation of the whole method: every fold trains a fusion of its own.

    Attributes:
        families: which questions to ask: the datasets' own splits, leave one vehicle out, leave one
            kind of attack out.
    """

    families: Annotated[tuple[FamilyName, ...], Field(min_length=1)] = (
        "splits",
        "unseen vehicle",
        "unseen kind",
    )


@dataclass(frozen=True)
class Fold:
    """Captures to learn from and captures to measure on.

    Attributes:
        name: what is held out.
        train: what the fold's fusion learns from.
        test: what it is measured on.
        enrolments: by car.
    """

    name: str
    train: Sequence[LabelledCapture]
    test: Sequence[Recording]
    enrolments: Mapping[str, Enrolment]


@dataclass(frozen=True)
class _Task:
    """The job's settings and everything that was read for it."""

    config: ProtocolConfig
    context: Context
    dataset: Dataset
    recordings: Sequence[Recording]


def check(config: ProtocolConfig, workspace: Workspace, trusted: bool) -> None:
    """Refuse an unknown dataset or reward, and experts that were trained already."""
    if config.experts.release is not None:
        raise InvalidInput("A protocol trains experts.", "Leave out `experts.release`.")
    check_learning(config, workspace, trusted)


def run(config: ProtocolConfig, context: Context) -> dict[str, Any]:
    """Train and measure every fold of every family, and report on them together."""
    check(config, context.workspace, context.trusted)
    dataset = find_dataset(config.dataset, context.workspace.data_dirs)
    for left_out, kept in dataset.repeats:
        context.log(f"{left_out} repeats {kept} and is left out.", "warning")
    recordings = read_recordings(dataset.captures, config.window, context.span(0, 0.02))
    task = _Task(config, context, dataset, recordings)
    families: list[Family] = []
    measured: list[Measured] = []
    for n, name in enumerate(config.families):
        progress = context.span(
            0.02 + 0.96 * n / len(config.families), 0.02 + 0.96 * (n + 1) / len(config.families)
        )
        found = _measure_family(task, name, progress)
        measured += found
        captures = [c for fold in found for c in fold.captures]
        families += families_by_split(captures) if name == "splits" else [_family(name, captures)]
    report = write_report(
        context.artifacts / "report",
        title=f"Protocol on {config.dataset}",
        facts={"Dataset": dataset.name, "Captures": len(recordings), "Seed": config.seed},
        families=families,
        enrolled=enrolled_cars({car: e for m in measured for car, e in m.enrolments.items()}),
        leakage=Leakage(dataset.repeats, [row for fold in measured for row in fold.leakage]),
    )
    return {"comparison": report}


def _family(name: FamilyName, captures: Sequence[CaptureScores]) -> Family:
    return Family(f"Leave out: {name.removeprefix('unseen ')}", QUESTIONS[name], captures)


def _measure_family(task: _Task, name: FamilyName, progress: Span) -> list[Measured]:
    folds = list(_splits(task) if name == "splits" else _leave_one_out(task, name))
    if name == "unseen kind":
        # What is asked is about kinds: to leave out a few groups of cars will do, and is faster.
        data = replace(task.config.data, vehicle_folds=FEW_VEHICLE_FOLDS)
        task = replace(task, config=replace(task.config, data=data))
    measured = []
    for n, fold in enumerate(folds):
        started = time.monotonic()
        span = progress.span(n / len(folds), (n + 1) / len(folds))
        measured.append(_measure_fold(task, fold, span))
        task.context.log(
            f"{name}: {fold.name} trained and measured in {time.monotonic() - started:.0f} s."
        )
    return measured


def _measure_fold(task: _Task, fold: Fold, progress: Span) -> Measured:
    """Learn from the fold's training captures and measure on its test captures."""
    digests = {c.capture.digest for c in fold.train}
    # Named by all that decides what is learnt, so that a later attempt continues that and no other.
    seen = sorted(map(seen_by_experts, fold.train))
    recipe = [asdict(task.config), code_digest(), fold.name, seen]
    workdir = task.context.workdir / "folds" / digest_of(recipe)[:16]
    training = Training(
        config=task.config,
        context=replace(task.context, workdir=workdir),
        dataset=task.dataset,
        captures=list(fold.train),
        enrolments={
            car: e
            for car, e in fold.enrolments.items()
            if car in {c.capture.vehicle for c in fold.train}
        },
        released=None,
        banks=task.context.workdir / "banks",
    )
    learnt = learn(training, progress.span(0.0, 0.9))
    traffic = TrainingTraffic.of(
        (r.capture.name, r.frames) for r in task.recordings if r.capture.digest in digests
    )
    scorer = replace(scorer_of(training, learnt, version=fold.name), enrolments=fold.enrolments)
    knowledge = Knowledge(traffic, digests, learnt.bars)
    return measure(
        scorer,
        fold.test,
        task.recordings,
        knowledge,
        task.config.enrolment,
        progress.span(0.9, 1.0),
    )


def _splits(task: _Task) -> Iterator[Fold]:
    """One fold a dataset that has captures to learn from and captures to test on."""
    for name in task.dataset.name.split(","):
        own = [r for r in task.recordings if r.capture.name.startswith(f"{name}/")]
        train = [r for r in own if r.capture.split.startswith("train")]
        test = [r for r in own if r.capture.split.startswith("test")]
        if test and any(r.attacked for r in train):
            known = enrol_all(train, task.config.enrolment)
            unknown = [r for r in test if r.capture.vehicle not in known]
            captures = _labelled(task, train, known)
            yield Fold(name, captures, test, {**enrol_all(unknown, task.config.enrolment), **known})


def _leave_one_out(task: _Task, name: FamilyName) -> Iterator[Fold]:
    """One fold a car, or one a kind of attack; nobody's labels help to enrol a car."""
    recordings = [replace(r, labels_known=False) for r in task.recordings]
    enrolments = enrol_all(recordings, task.config.enrolment)
    labelled = _labelled(task, recordings, enrolments)
    planned = [c.planned for c in labelled]
    groups = [c.vehicle if name == "unseen vehicle" else c.attack for c in planned]
    for group in dict.fromkeys(g for g in groups if g is not None):
        held = np.array([g == group for g in groups])
        train = [c for c, out in zip(labelled, held, strict=True) if not out]
        if sum(c.label.any() for c in train) < LEAST_ATTACKED:
            task.context.log(
                f"{name}: without {group} too few attacks are left; skipped.", "warning"
            )
        else:
            test = [r for r, out in zip(recordings, held, strict=True) if out]
            yield Fold(group, train, test, enrolments)


def _labelled(
    task: _Task, recordings: Sequence[Recording], enrolments: Mapping[str, Enrolment]
) -> list[LabelledCapture]:
    return label_all(
        recordings,
        enrolments,
        task.config.window,
        task.config.enrolment,
        task.context.span(0.02, 0.02),
    )


KIND = Pipeline(
    "protocol",
    ProtocolConfig,
    run,
    "Measure the method on cars and attacks that it has never seen.",
    check,
)
