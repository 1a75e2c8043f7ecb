"""The prediction cache: what the experts say about the training traffic, cross-fitted.

A policy trained on predictions that the experts made about their own training windows learns to
trust the expert that memorised most. So each prediction comes from experts that did not see its
capture. Each attack is predicted, as far as the captures allow, twice: by experts that never saw
its kind, and by experts that know the kind from other captures.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.can.features import WINDOW_FEATURES
from ml.errors import CanfuseError
from ml.evaluation.cautious import CautiousRule, promises_kept, with_margin
from ml.evaluation.thresholds import tune_threshold
from ml.experts.bank import EXPERTS
from ml.experts.calibration import Calibration
from ml.files import copy_folder_atomically
from ml.fusion.config import FusionDataConfig

MANIFEST = "cache.json"
PREDICTIONS = "predictions.parquet"
# The false-positive rate of an expert alone at a calibrated score of 0.5.
LINE_FPR = 0.005
COLUMNS = {name: expert.column for name, expert in EXPERTS.items()}


@dataclass(frozen=True)
class PredictionCache:
    """The experts' scores of every training window.

    Attributes:
        table: one row a prediction, in time order within a fold's capture: capture, attack,
            vehicle, fold, question (see `ml.can.splits.cross_fit_folds`), window_start, window_end,
            label, a column for each of `WINDOW_FEATURES`, each expert's raw score and its
            calibrated one.
        calibrations: by expert, fitted on the raw scores.
        cross_fitted: False where the experts scored their own training windows.
        digests: what it was made from.
    """

    table: pl.DataFrame
    calibrations: Mapping[str, Calibration]
    cross_fitted: bool
    digests: Mapping[str, Any]

    @staticmethod
    def of(raw: pl.DataFrame, *, cross_fitted: bool, digests: Mapping[str, Any]) -> PredictionCache:
        """Calibrate raw predictions, a table without the calibrated columns.

        Each expert's own verdict line comes to lie at 0.5, so that one threshold means the same for
        all of them: an expert that is loud on some benign traffic cannot drown the others there.
        """
        label = raw["label"].to_numpy()
        part = _part(raw)
        rows = _lined(raw)
        rule = CautiousRule.of(label[rows], part[rows], LINE_FPR, raw["vehicle"].to_numpy()[rows])
        scores = {name: raw[f"{name}_raw"].to_numpy() for name in EXPERTS}
        calibrations = {
            name: Calibration.fit(values, label, part).crossing(rule.line(values[rows]).threshold)
            for name, values in scores.items()
        }
        columns = {COLUMNS[name]: calibrations[name](values) for name, values in scores.items()}
        return PredictionCache(raw.with_columns(**columns), calibrations, cross_fitted, digests)

    def column(self, name: str) -> NDArray[Any]:
        """(n,) one column as numpy."""
        return self.table[name].to_numpy()

    @property
    def anomaly_score(self) -> NDArray[np.float32]:
        """(n,) calibrated score of the VGAE."""
        return self.column("anomaly_score")

    @property
    def gat_prob(self) -> NDArray[np.float32]:
        """(n,) calibrated score of the GAT."""
        return self.column("gat_prob")

    @property
    def label(self) -> NDArray[np.uint8]:
        """(n,) 1 for an attack."""
        return self.column("label")

    @property
    def part(self) -> NDArray[np.int64]:
        """(n,) which prediction run, of one capture by one fold's experts, a row belongs to."""
        return _part(self.table)

    @property
    def context(self) -> NDArray[np.float32]:
        """(n, C) the window features, in the order of `WINDOW_FEATURES`."""
        return self.table.select(WINDOW_FEATURES).to_numpy().astype(np.float32)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of attack that there are windows of, in alphabetical order."""
        attacks = self.table.filter(pl.col("label") > 0)["attack"]
        return tuple(sorted(attacks.drop_nulls().unique().to_list()))

    @property
    def lined(self) -> NDArray[np.bool_]:
        """(n,) the rows that a false-positive rate is promised on.

        Those of experts that did not know the vehicle where there are any, as these stand for
        traffic that is least like the training's; else all.
        """
        return _lined(self.table)

    def rule(self, data: FusionDataConfig) -> Callable[[NDArray[Any]], float]:
        """How each detector gets its threshold: from its (n,) calibrated scores of the rows."""
        if data.threshold == "f1":
            return lambda scores: tune_threshold(self.label, scores)
        rows = self.lined
        vehicle = self.column("vehicle")[rows]
        cautious = CautiousRule.of(self.label[rows], self.part[rows], data.target_fpr, vehicle)
        return lambda scores: with_margin(cautious.line(scores[rows]).threshold)

    def threshold(self, scores: NDArray[Any], data: FusionDataConfig) -> float:
        """The verdict line on a detector's (n,) scores of the rows, see `rule`."""
        return self.rule(data)(scores)

    def promises_kept(self, scores: NDArray[Any], data: FusionDataConfig) -> dict[str, float]:
        """Each vehicle's false-positive rate at the line that its (n,) scores had no part in."""
        rows = self.lined
        vehicle = self.column("vehicle")[rows]
        return promises_kept(
            self.label[rows], scores[rows], self.part[rows], vehicle, data.target_fpr
        )

    def save(self, folder: Path, scratch: Path) -> None:
        """Put the cache into a folder, which appears whole, in place of what was there.

        Args:
            folder: where the cache goes.
            scratch: a folder of the job's own, in which it is prepared.
        """
        staged = scratch / "cache"
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir(parents=True)
        self.table.write_parquet(staged / PREDICTIONS)
        content = (staged / PREDICTIONS).read_bytes()
        manifest = {
            "digests": dict(self.digests),
            "predictions": hashlib.sha256(content).hexdigest(),
            "cross_fitted": self.cross_fitted,
        }
        (staged / MANIFEST).write_text(json.dumps(manifest, indent=1))
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        copy_folder_atomically(staged, folder)

    @staticmethod
    def load(folder: Path) -> PredictionCache | None:
        """Read what `save` wrote; None where it is not what its manifest says."""
        try:
            manifest = json.loads((folder / MANIFEST).read_text())
            content = (folder / PREDICTIONS).read_bytes()
            if hashlib.sha256(content).hexdigest() != manifest["predictions"]:
                return None
            raw = pl.read_parquet(io.BytesIO(content)).drop(*COLUMNS.values())
            return PredictionCache.of(
                raw, cross_fitted=manifest["cross_fitted"], digests=manifest["digests"]
            )
        except (OSError, ValueError, KeyError, TypeError, pl.exceptions.PolarsError, CanfuseError):
            return None


def _lined(table: pl.DataFrame) -> NDArray[np.bool_]:
    unseen: NDArray[np.bool_] = (table["question"] == "unseen vehicle").to_numpy()
    benign = unseen & (table["label"].to_numpy() == 0)
    return unseen if benign.any() else np.ones_like(unseen)


def _part(table: pl.DataFrame) -> NDArray[np.int64]:
    part = pl.struct("fold", "capture").rle_id()
    return table.select(part.cast(pl.Int64)).to_series().to_numpy()
