"""What the job kinds that measure a release share."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ml.can.captures import Capture
from ml.can.datasets import Dataset
from ml.can.frames import Frames
from ml.can.loading import by_vehicle, label_capture
from ml.can.profiles.enrolment import Enrolment, EnrolmentConfig, Stretch, enrol
from ml.can.recordings import Recording, read_recordings
from ml.context import Span
from ml.errors import InvalidInput
from ml.evaluation.bars import Bars
from ml.evaluation.captures import CaptureScores, families_by_split
from ml.evaluation.comparison import compare
from ml.evaluation.detectors import score_capture
from ml.evaluation.leakage import CaptureLeakage, Leakage, TrainingTraffic
from ml.evaluation.report import EnrolledCar, write_report
from ml.releases import Manifest
from ml.scoring import Scorer


@dataclass(frozen=True)
class Knowledge:
    """What is known of how a release came about.

    Attributes:
        traffic: index of the traffic that it was trained on.
        trained_on: digests of those captures.
        bars: rivals without experts that learnt from the same traffic, where they were kept.
    """

    traffic: TrainingTraffic
    trained_on: Collection[str]
    bars: Bars | None = None


@dataclass(frozen=True)
class Measured:
    """A release on captures.

    Attributes:
        captures: what each detector said.
        enrolments: how the captures' cars were enrolled.
        leakage: what each capture shares with the training traffic.
    """

    captures: list[CaptureScores]
    enrolments: Mapping[str, Enrolment]
    leakage: list[CaptureLeakage]


def measure(
    scorer: Scorer,
    recordings: Sequence[Recording],
    known: Sequence[Recording],
    knowledge: Knowledge,
    config: EnrolmentConfig,
    progress: Span,
) -> Measured:
    """Score recordings with a release and its rivals.

    Cars that the release does not know are enrolled from what precedes their attacks. Windows that
    an enrolment was taken from count nowhere, nor do those of other captures of the same drive.

    Args:
        scorer: the release.
        recordings: what to score.
        known: recordings in which to look for the traffic that cars were enrolled with.
        knowledge: how the release came about.
        config: how to enrol cars that the release does not know.
        progress: where to report.
    """
    cars = by_vehicle(recordings)
    enrolments = {
        car: scorer.enrolments.get(car) or _enrolled(car, own, scorer, config, progress)
        for car, own in cars.items()
    }
    enrolled = {car: _enrolled_traffic(enrolments[car], known) for car in cars}
    captures, leakage = [], []
    for n, recording in enumerate(recordings):
        capture, frames = recording.capture, recording.frames
        progress.progress("evaluate", n / len(recordings), capture.name)
        labelled = label_capture(recording, enrolments[capture.vehicle], scorer.window)
        captures.append(
            score_capture(
                scorer,
                labelled,
                knowledge.bars,
                shared=knowledge.traffic.windows(frames, scorer.window),
                masked=enrolled[capture.vehicle].windows(frames, scorer.window),
            )
        )
        leakage.append(
            CaptureLeakage(
                capture.name,
                recording.backward_steps,
                capture.digest in knowledge.trained_on,
                knowledge.traffic.overlap(frames),
            )
        )
    return Measured(captures, enrolments, leakage)


def evaluate_release(
    scorer: Scorer,
    manifest: Manifest,
    dataset: Dataset,
    folder: Path,
    *,
    facts: dict[str, Any],
    title: str,
    progress: Span,
    enrolment: EnrolmentConfig,
    bars: Bars | None = None,
    importance: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Measure a release on a dataset's test captures, write the report, return the comparison.

    A dataset without test captures is measured on what it was trained on; the report says so.
    """
    trained_on = frozenset(manifest.dataset["trained_on"])
    seen = [c for c in dataset.captures if c.digest in trained_on]
    training = read_recordings(seen, scorer.window, progress.span(0, 0.2))
    traffic = TrainingTraffic.of((r.capture.name, r.frames) for r in training)
    knowledge = Knowledge(traffic, trained_on, bars)
    recordings = read_recordings(
        dataset.test or dataset.train, scorer.window, progress.span(0.2, 0.4)
    )
    if len(seen) < len(trained_on):
        missing = "in part unknown: not all captures that it was trained on are in this dataset"
        facts = {**facts, "Traffic shared with the training": missing}
    if not dataset.test:
        facts = {**facts, "Measured on": "captures it was trained on: the figures prove nothing"}
    measured = measure(
        scorer,
        recordings,
        [*training, *recordings],
        knowledge,
        enrolment,
        progress.span(0.4, 1),
    )
    write_report(
        folder,
        title=title,
        facts=facts,
        families=families_by_split(measured.captures),
        policy=scorer.policy.heat_map(),
        importance=importance,
        enrolled=enrolled_cars(measured.enrolments),
        leakage=Leakage(dataset.repeats, measured.leakage),
    )
    return compare(measured.captures)


def enrolled_cars(enrolments: Mapping[str, Enrolment]) -> list[EnrolledCar]:
    """Enrolments as a report lists them."""
    return [
        EnrolledCar(car, e.seconds, len(e.profile.ids), sorted({s.capture for s in e.stretches}))
        for car, e in sorted(enrolments.items())
    ]


def seen_in_training(manifest: Manifest, captures: Sequence[Capture]) -> list[str]:
    """Names of the captures that the release was trained on, where its figures prove nothing."""
    trained_on = set(manifest.dataset.get("trained_on", ()))
    return [c.name for c in captures if c.digest in trained_on]


def _enrolled_traffic(enrolment: Enrolment, recordings: Sequence[Recording]) -> TrainingTraffic:
    """Index of the traffic that a car was enrolled with, as far as these recordings hold it."""
    held = {r.capture.name: r.frames for r in recordings}
    return TrainingTraffic.of(
        (s.capture, _between(held[s.capture], s)) for s in enrolment.stretches if s.capture in held
    )


def _between(frames: Frames, stretch: Stretch) -> Frames:
    begin, end = np.searchsorted(
        frames.timestamp, [stretch.start, np.nextafter(stretch.end, np.inf)]
    )
    return frames[slice(int(begin), int(end))]


def _enrolled(
    car: str,
    recordings: Sequence[Recording],
    scorer: Scorer,
    config: EnrolmentConfig,
    progress: Span,
) -> Enrolment:
    try:
        return enrol(car, recordings, config)
    except InvalidInput as error:
        closest, _ = scorer.closest(recordings[0].frames)
        progress.context.log(
            f"{error.detail} It is seen as if it were {closest}, which proves little.", "warning"
        )
        return scorer.enrolments[closest]
