"""What the job kinds that measure a release share."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml.can.captures import Capture
from ml.can.datasets import Dataset
from ml.can.loading import by_vehicle, label_capture
from ml.can.profiles.enrolment import Enrolment, EnrolmentConfig, enrol
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

    @property
    def enrolled(self) -> list[EnrolledCar]:
        """The enrolments as the report lists them."""
        return [
            EnrolledCar(
                car, e.seconds, len(e.profile.ids), sorted({s.capture for s in e.stretches})
            )
            for car, e in sorted(self.enrolments.items())
        ]


def measure(
    scorer: Scorer,
    recordings: Sequence[Recording],
    traffic: TrainingTraffic,
    trained_on: Collection[str],
    config: EnrolmentConfig,
    progress: Span,
    bars: Bars | None = None,
) -> Measured:
    """Score recordings with a release and its rivals.

    Cars that the release was not trained on are enrolled from what precedes their attacks.

    Args:
        scorer: the release.
        recordings: what to score.
        traffic: index of the training traffic.
        trained_on: digests of the captures that the release was trained on.
        config: how to enrol cars that the release does not know.
        progress: where to report.
        bars: rivals that need no expert.
    """
    enrolments = {
        car: scorer.enrolments.get(car) or _enrolled(car, own, scorer, config, progress)
        for car, own in by_vehicle(recordings).items()
    }
    captures, leakage = [], []
    for n, recording in enumerate(recordings):
        capture = recording.capture
        progress.progress("evaluate", n / len(recordings), capture.name)
        labelled = label_capture(recording, enrolments[capture.vehicle], scorer.window)
        shared = traffic.windows(recording.frames, scorer.window)
        captures.append(score_capture(scorer, labelled, bars, shared=shared))
        leakage.append(
            CaptureLeakage(
                capture.name,
                recording.backward_steps,
                capture.digest in trained_on,
                traffic.overlap(recording.frames),
            )
        )
    return Measured(captures, enrolments, leakage)


def evaluate_release(
    scorer: Scorer,
    manifest: Manifest,
    dataset: Dataset,
    folder: Path,
    facts: dict[str, Any],
    title: str,
    progress: Span,
    config: EnrolmentConfig,
    bars: Bars | None = None,
) -> dict[str, Any]:
    """Measure a release on a dataset's test captures, write the report, return the comparison.

    A dataset without test captures is measured on what it was trained on; the report says so.
    """
    trained_on = frozenset(manifest.dataset["trained_on"])
    captures = dataset.test or dataset.train
    seen = [c for c in dataset.captures if c.digest in trained_on]
    recordings = read_recordings(captures, scorer.window, progress.span(0, 0.3))
    traffic = TrainingTraffic.of(_frames(seen, scorer, progress))
    measured = measure(scorer, recordings, traffic, trained_on, config, progress.span(0.3, 1), bars)
    write_report(
        folder,
        title=title,
        facts=facts,
        families=families_by_split(measured.captures),
        policy=scorer.policy.heat_map(),
        enrolled=measured.enrolled,
        leakage=Leakage(dataset.repeats, measured.leakage),
    )
    return compare(measured.captures)


def seen_in_training(manifest: Manifest, captures: Sequence[Capture]) -> list[str]:
    """Names of the captures that the release was trained on, where its figures prove nothing."""
    trained_on = set(manifest.dataset.get("trained_on", ()))
    return [c.name for c in captures if c.digest in trained_on]


def _frames(
    captures: Sequence[Capture], scorer: Scorer, progress: Span
) -> Iterator[tuple[str, Any]]:
    for recording in read_recordings(captures, scorer.window, progress.span(0.3, 0.3)):
        yield recording.capture.name, recording.frames


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
