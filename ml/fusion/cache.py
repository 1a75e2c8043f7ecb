"""The prediction cache: what the experts say about the training traffic, cross-fitted.

A policy trained on predictions that the experts made about their own training windows learns to
trust the expert that memorised most. So each prediction comes from experts that saw neither that
capture. Each attack is predicted, as far as the captures allow, twice: by experts that never saw
its kind, and by experts that know the kind from other captures.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.experts.calibration import Calibration

MANIFEST = "cache.json"
PREDICTIONS = "predictions.parquet"
COLUMNS = {"vgae": "anomaly_score", "gat": "gat_prob"}


@dataclass(frozen=True)
class PredictionCache:
    """The experts' scores of every training window.

    Attributes:
        table: one row a prediction, in time order within a fold's capture: capture, attack,
            vehicle, fold, question (see `ml.can.splits.cross_fit_folds`), window_start, window_end,
            label, each expert's raw score and its calibrated one.
        calibrations: by expert, fitted on the raw scores.
        cross_fitted: False where the experts scored their own training windows.
        reason: why it was built, "" where an existing one was used.
    """

    table: pl.DataFrame
    calibrations: Mapping[str, Calibration]
    cross_fitted: bool
    reason: str

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

    @staticmethod
    def read(folder: Path) -> PredictionCache:
        """Read what `PredictionCacheBuilder` wrote."""
        manifest = json.loads((folder / MANIFEST).read_text())
        return PredictionCache(
            table=pl.read_parquet(folder / PREDICTIONS),
            calibrations={name: Calibration(**c) for name, c in manifest["calibrations"].items()},
            cross_fitted=manifest["cross_fitted"],
            reason="",
        )
