"""From recordings to labelled window graphs, seen relative to their cars' profiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ml.can.captures import Capture
from ml.can.graphs import WindowGraphs, build_graphs
from ml.can.profiles.enrolment import Enrolment, EnrolmentConfig, enrol, poorer_enrolments
from ml.can.recordings import Recording
from ml.can.windows import WindowConfig
from ml.context import Span
from ml.errors import InvalidInput

# Windows of one capture that a poorer enrolment shows, attacks and benign ones alike.
VIEW_WINDOWS = 800


@dataclass(frozen=True)
class View:
    """Some windows of a capture under a poorer enrolment of its car; only to train on.

    Attributes:
        windows: (V,) their places among the capture's windows, ascending.
        graphs: of these windows.
    """

    windows: NDArray[np.int64]
    graphs: WindowGraphs


@dataclass(frozen=True)
class LabelledCapture:
    """A capture and its window graphs, which have labels.

    Attributes:
        capture: where they come from.
        graphs: its W windows in time order, relative to the car's profile.
        enrolled: (W,) True where a window shares traffic with the profile: such windows are
            neither trained on nor measured.
        views: the capture under poorer profiles.
    """

    capture: Capture
    graphs: WindowGraphs
    enrolled: NDArray[np.bool_]
    views: tuple[View, ...] = ()

    @property
    def planned(self) -> Capture:
        """The capture as a plan for training sees it: without an attack where no window has one."""
        return self.capture if self.label.any() else replace(self.capture, attack=None)

    @property
    def label(self) -> NDArray[np.uint8]:
        """(W,) 1 where a window holds an attack."""
        if self.graphs.label is None:
            raise InvalidInput(f"Capture {self.capture.name} has no labels.", "Label its frames.")
        return self.graphs.label

    def stretch(self, first: int, last: int) -> LabelledCapture:
        """The windows `first` to `last`, without the last, as a capture of their own."""
        views = []
        for view in self.views:
            inside = np.flatnonzero((view.windows >= first) & (view.windows < last))
            views.append(View(view.windows[inside] - first, view.graphs.take(inside)))
        graphs = self.graphs.take(np.arange(first, last))
        return replace(self, graphs=graphs, enrolled=self.enrolled[first:last], views=tuple(views))


def halved(capture: LabelledCapture, gap: int) -> tuple[LabelledCapture, LabelledCapture]:
    """Cut a capture in two that hold about as many attack windows, before an attack if possible.

    Args:
        capture: with attacks.
        gap: windows to leave out between the two.

    Raises:
        InvalidInput: the attack is too short to be in both.
    """
    attacks = np.flatnonzero((capture.label == 1) & ~capture.enrolled)
    begins = attacks[1:][np.diff(attacks) > 1]
    cuts = begins if len(begins) else attacks
    cuts = cuts[cuts > attacks[:1] + gap]
    if not len(cuts):
        raise InvalidInput(
            f"The attack of {capture.capture.name} is too short to be seen in two halves.",
            "Add captures with attacks, or set `data.in_sample`.",
        )
    middle = attacks[len(attacks) // 2]
    cut = int(cuts[np.abs(cuts - middle).argmin()])
    return capture.stretch(0, cut - gap), capture.stretch(cut, len(capture.graphs))


def by_vehicle(recordings: Sequence[Recording]) -> dict[str, list[Recording]]:
    """The recordings of each car, in order of appearance."""
    cars: dict[str, list[Recording]] = {}
    for recording in recordings:
        cars.setdefault(recording.capture.vehicle, []).append(recording)
    return cars


def enrol_all(recordings: Sequence[Recording], config: EnrolmentConfig) -> dict[str, Enrolment]:
    """Enrol every car that occurs.

    Raises:
        InvalidInput: a car has too little benign traffic; the error names it.
    """
    return {car: enrol(car, own, config) for car, own in by_vehicle(recordings).items()}


def label_capture(
    recording: Recording,
    enrolment: Enrolment,
    window: WindowConfig,
    poorer: Sequence[Enrolment] = (),
) -> LabelledCapture:
    """Cut a recording into labelled window graphs.

    Args:
        recording: the frames.
        enrolment: of the recording's car.
        window: how to cut.
        poorer: enrolments for `LabelledCapture.views`.
    """
    graphs = build_graphs(recording.frames, window, enrolment.profile)
    name = recording.capture.name
    enrolled = enrolment.shares(name, graphs.start, graphs.end)
    labelled = LabelledCapture(recording.capture, graphs, enrolled)
    views = []
    for other in poorer:
        seen = enrolled | other.shares(name, graphs.start, graphs.end)
        windows = _sample(labelled.label, ~seen)
        if len(windows):
            view = build_graphs(recording.frames, window, other.profile).take(windows)
            views.append(View(windows, view))
    return replace(labelled, views=tuple(views))


def label_all(
    recordings: Sequence[Recording],
    enrolments: Mapping[str, Enrolment],
    window: WindowConfig,
    config: EnrolmentConfig,
    progress: Span,
) -> list[LabelledCapture]:
    """Cut recordings to train on into window graphs, with views, reporting each."""
    poorer = {
        car: poorer_enrolments(car, own, enrolments[car], config)
        for car, own in by_vehicle(recordings).items()
    }
    labelled = []
    for n, recording in enumerate(recordings):
        progress.progress("build graphs", n / len(recordings), recording.capture.name)
        car = recording.capture.vehicle
        labelled.append(label_capture(recording, enrolments[car], window, poorer[car]))
    return labelled


def _sample(label: NDArray[np.uint8], allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Evenly spaced windows among those allowed, half of them attacks where there are enough."""
    attacks, benign = (np.flatnonzero(allowed & (label == n)) for n in (1, 0))
    chosen = _spread(attacks, VIEW_WINDOWS // 2)
    return np.sort(np.concatenate([chosen, _spread(benign, VIEW_WINDOWS - len(chosen))]))


def _spread(items: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    if len(items) <= most:
        return items
    return items[np.linspace(0, len(items) - 1, most).astype(np.int64)]
