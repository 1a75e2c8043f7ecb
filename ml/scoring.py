"""Scores traffic with a release: the same functions that made its training data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import TypeAdapter

from ml.can.frames import Frames
from ml.can.graphs import WindowGraphs, graphs_of
from ml.can.profiles import VehicleProfile
from ml.can.profiles.enrolment import Enrolment
from ml.can.windows import WindowConfig
from ml.errors import InvalidInput
from ml.evaluation.baselines import Baselines
from ml.experts.bank import ExpertBank
from ml.experts.calibration import Calibration
from ml.experts.inference import window_scores
from ml.fusion.bundle import FusionParts
from ml.fusion.policy import FusionPolicy, fuse
from ml.releases.manifest import Manifest
from ml.releases.vehicles import load_vehicles

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Scores:
    """Verdicts on W windows, as columns.

    Attributes:
        fused_score, alpha, anomaly_score, gat_prob: (W,) float32 in [0, 1].
        is_attack: (W,) bool, `fused_score ≥ threshold`.
        attack_kind: the likeliest kind of attack of each window that is one, None for the others;
            None as a whole where scores were given, not frames.
        window_start, window_end: (W,) float64 seconds; None where scores were given, not frames.
        threshold: the verdict line.
        release: version of the release that answered.
    """

    fused_score: Floats
    alpha: Floats
    anomaly_score: Floats
    gat_prob: Floats
    is_attack: NDArray[np.bool_]
    attack_kind: list[str | None] | None
    window_start: NDArray[np.float64] | None
    window_end: NDArray[np.float64] | None
    threshold: float
    release: str

    def to_dict(self) -> dict[str, Any]:
        """The columns as lists, the rest as it is."""
        return {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in vars(self).items()
        }


@dataclass(frozen=True)
class _Seen:
    """What the experts and the features say of W windows, in the order of `Scorer._fused`."""

    anomaly_score: Floats
    gat_prob: Floats
    context: Floats
    start: NDArray[np.float64]
    end: NDArray[np.float64]


@dataclass(frozen=True)
class Scorer:
    """A loaded release.

    Attributes:
        version: of the release.
        window: how traffic is cut.
        threshold: the verdict line on the fused score.
        bank: the experts.
        calibrations: by expert name.
        policy: chooses alpha.
        baselines: the fusion's rivals, for comparison.
        enrolments: of the cars that it was trained on, by name.
        usual_node: (F,) node features of an id that behaves as usual, for explanations.
    """

    version: str
    window: WindowConfig
    threshold: float
    bank: ExpertBank
    calibrations: Mapping[str, Calibration]
    policy: FusionPolicy
    baselines: Baselines
    enrolments: Mapping[str, Enrolment]
    usual_node: Floats

    @property
    def profiles(self) -> dict[str, VehicleProfile]:
        """Of the cars that it was trained on, by name."""
        return {car: enrolment.profile for car, enrolment in self.enrolments.items()}

    @staticmethod
    def load(folder: Path, manifest: Manifest) -> Scorer:
        """Read a verified bundle; see `ReleaseStore.load`."""
        parts = FusionParts.load(folder)
        return Scorer(
            version=manifest.version,
            window=TypeAdapter(WindowConfig).validate_python(manifest.window),
            threshold=parts.threshold,
            bank=ExpertBank.load(folder),
            calibrations=parts.calibrations,
            policy=parts.policy,
            baselines=parts.baselines,
            enrolments=load_vehicles(folder),
            usual_node=parts.usual_node,
        )

    def warm(self) -> None:
        """Score a little traffic, so that the first request does not pay for first-time work."""
        size = self.window.window_size
        frames = Frames(
            timestamp=np.arange(size) / 1000,
            can_id=np.arange(size, dtype=np.uint32) % 7,
            flags=np.zeros(size, np.uint8),
            length=np.full(size, 8, np.uint8),
            payload=np.zeros((size, 8), np.uint8),
        )
        self.score_frames(frames, next(iter(self.profiles.values())))

    def closest(self, frames: Frames) -> tuple[str, float]:
        """The own car that knows most of the traffic, and the share of frames with known ids."""
        ids, counts = np.unique(frames.traffic().arbitration, return_counts=True)
        known = {car: counts[p.places(ids)[1]].sum() for car, p in self.profiles.items()}
        car = max(known, key=lambda name: known[name])
        return car, float(known[car] / max(counts.sum(), 1))

    def score_frames(self, frames: Frames, profile: VehicleProfile) -> Scores:
        """Score every window of the traffic.

        Args:
            frames: of one bus, in time order.
            profile: of the car that the bus is in.

        Raises:
            InvalidInput: there are fewer frames than one window takes.
        """
        pieces = graphs_of(frames, self.window, profile)
        return self._score([self._seen(graphs, self.bank.node_raw(graphs)) for graphs in pieces])

    def score_graphs(self, graphs: WindowGraphs) -> tuple[Scores, Floats]:
        """Score windows and their nodes.

        Args:
            graphs: W window graphs with N nodes in all.

        Returns:
            the scores, see `score_frames`, and (N,) the fused score of each node, weighted as its
            window was; none exceeds the window's.
        """
        raw = self.bank.node_raw(graphs)
        scores = self._score([self._seen(graphs, raw)])
        vgae, gat = (self.calibrations[name](raw[name]) for name in ("vgae", "gat"))
        return scores, fuse(np.repeat(scores.alpha, np.diff(graphs.node_ptr)), vgae, gat)

    def _seen(self, graphs: WindowGraphs, node_raw: Mapping[str, Floats]) -> _Seen:
        raw = {name: window_scores(own, graphs.node_ptr) for name, own in node_raw.items()}
        vgae, gat = (self.calibrations[name](raw[name]) for name in ("vgae", "gat"))
        return _Seen(vgae, gat, graphs.window, graphs.start, graphs.end)

    def _score(self, parts: Sequence[_Seen]) -> Scores:
        columns = (np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(_Seen))
        return self._fused(*columns)

    def fuse(self, anomaly_score: ArrayLike, gat_prob: ArrayLike) -> Scores:
        """Fuse scores that experts gave elsewhere.

        Args:
            anomaly_score: (W,) in [0, 1].
            gat_prob: (W,) in [0, 1].

        Raises:
            InvalidInput: a column is empty, has another length, or holds values outside [0, 1].
        """
        anomaly, probability = (
            _unit_column(name, values)
            for name, values in (("anomaly_score", anomaly_score), ("gat_prob", gat_prob))
        )
        if len(anomaly) != len(probability):
            raise InvalidInput(
                f"anomaly_score has {len(anomaly)} values, gat_prob has {len(probability)}.",
                "Give both columns one value a window.",
            )
        return self._fused(anomaly, probability)

    def _fused(
        self,
        anomaly: Floats,
        probability: Floats,
        context: Floats | None = None,
        start: NDArray[np.float64] | None = None,
        end: NDArray[np.float64] | None = None,
    ) -> Scores:
        if not (np.isfinite(anomaly).all() and np.isfinite(probability).all()):
            raise InvalidInput(
                "The traffic has values that no score can be given for.",
                "Check its timestamps and payloads.",
            )
        alpha = self.policy.alpha(anomaly, probability, context)
        fused = fuse(alpha, anomaly, probability)
        is_attack = fused >= np.float32(self.threshold)
        kinds = None
        if context is not None:
            kind: NDArray[Any] = self.policy.attack_kind(anomaly, probability, context)
            kind = kind.astype(object)
            kind[~is_attack] = None
            kinds = kind.tolist()
        return Scores(
            fused_score=fused,
            alpha=alpha,
            anomaly_score=anomaly,
            gat_prob=probability,
            is_attack=is_attack,
            attack_kind=kinds,
            window_start=start,
            window_end=end,
            threshold=self.threshold,
            release=self.version,
        )


def _unit_column(name: str, values: ArrayLike) -> Floats:
    column = np.asarray(values)
    if column.ndim != 1 or not len(column) or column.dtype.kind not in "fiu":
        raise InvalidInput(f"{name} is not a list of numbers.", "Give one number a window.")
    outside = ~((column >= 0) & (column <= 1))
    if outside.any():
        first = int(np.flatnonzero(outside)[0])
        raise InvalidInput(
            f"{name}[{first}] is {column[first]}, outside [0, 1].",
            "Give calibrated scores between 0 and 1.",
        )
    return column.astype(np.float32)
