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
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.experts.bank import EXPERTS
from ml.experts.calibration import Calibration
from ml.files import copy_folder_atomically

MANIFEST = "cache.json"
PREDICTIONS = "predictions.parquet"
COLUMNS = {name: expert.column for name, expert in EXPERTS.items()}


@dataclass(frozen=True)
class PredictionCache:
    """The experts' scores of every training window.

    Attributes:
        table: one row a prediction, in time order within a fold's capture: capture, attack,
            vehicle, fold, question (see `ml.can.splits.cross_fit_folds`), window_start, window_end,
            label, each expert's raw score and its calibrated one.
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
        """Calibrate raw predictions, a table without the calibrated columns."""
        label = raw["label"].to_numpy()
        scores = {name: raw[f"{name}_raw"].to_numpy() for name in EXPERTS}
        calibrations = {name: Calibration.fit(values, label) for name, values in scores.items()}
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
        part = pl.struct("fold", "capture").rle_id()
        return self.table.select(part.cast(pl.Int64)).to_series().to_numpy()

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
        except (OSError, ValueError, KeyError, TypeError, pl.exceptions.PolarsError):
            return None
