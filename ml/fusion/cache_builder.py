"""Builds prediction caches, and finds out whether one on disk still fits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.can.graphs import WindowGraphs
from ml.can.loading import LabelledCapture
from ml.can.splits import cross_fit_folds
from ml.can.windows import WindowConfig
from ml.digests import code_digest, differences, digest_of, file_digest
from ml.experts.bank import EXPERTS, ExpertBank, ExpertsConfig, require_both_classes, train_bank
from ml.experts.calibration import Calibration
from ml.files import write_atomically
from ml.fusion.cache import COLUMNS, MANIFEST, PREDICTIONS, PredictionCache
from ml.fusion.config import FusionDataConfig
from ml.pipelines.context import Span

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class PredictionCacheBuilder:
    """Builds a prediction cache, or finds that the one on disk still fits.

    Attributes:
        folder: where the cache is kept.
        workdir: the job's folder; takes the folds' checkpoints and scores, so that a later attempt
            goes on where this one stopped.
        experts: the experts to cross-fit.
        data: options of the cache.
        window: how traffic is cut.
        seed: decides all randomness.
    """

    folder: Path
    workdir: Path
    experts: ExpertsConfig
    data: FusionDataConfig
    window: WindowConfig
    seed: int

    def build(
        self, captures: Sequence[LabelledCapture], progress: Span, bank: ExpertBank | None = None
    ) -> PredictionCache:
        """The cache for these captures.

        Args:
            captures: the training captures.
            progress: where to report.
            bank: the experts whose in-sample predictions to take; None to cross-fit.

        Raises:
            InvalidInput: the captures cannot be cross-fitted, or lack a class.
            Cancelled: the run was asked to stop.
        """
        digests = self.digests(captures, bank)
        reason = self.stale(digests)
        if not reason:
            progress.context.log("The prediction cache on disk fits and is used.")
            return PredictionCache.read(self.folder)
        progress.context.log(f"Building the prediction cache: {reason}.")
        require_both_classes(WindowGraphs.concat([c.graphs for c in captures]))
        if bank is None:
            parts = self._cross_fit(captures, progress)
        else:
            parts = [
                _frame(c, bank.raw(c.graphs, self.data.batch_size), fold=-1, question="in-sample")
                for c in captures
            ]
        cache = _calibrated(pl.concat(parts), cross_fitted=bank is None, reason=reason)
        self._write(cache, digests)
        return cache

    def digests(
        self, captures: Sequence[LabelledCapture], bank: ExpertBank | None
    ) -> dict[str, Any]:
        """Everything that a cache must agree with."""
        return {
            "schema": SCHEMA_VERSION,
            "captures": digest_of(sorted([c.capture.name, c.capture.digest] for c in captures)),
            "experts": digest_of(asdict(self.experts)),
            "window": asdict(self.window),
            "seed": self.seed,
            "code": code_digest(),
            "in_sample": bank is not None,
        }

    def stale(self, digests: Mapping[str, Any]) -> str:
        """Why the cache on disk cannot be used, or "" where it can."""
        if self.data.rebuild:
            return "a rebuild was asked for"
        if not (self.folder / MANIFEST).exists():
            return "there is none yet"
        try:
            manifest = json.loads((self.folder / MANIFEST).read_text())
            changed = differences(manifest["digests"], digests)
            intact = manifest["predictions"] == file_digest(self.folder / PREDICTIONS)
        except (OSError, ValueError, KeyError, TypeError):
            return "the one on disk cannot be read"
        if changed:
            return f"the one on disk was made from other {', '.join(changed)}"
        return "" if intact else "the one on disk was changed since it was made"

    def _cross_fit(self, captures: Sequence[LabelledCapture], progress: Span) -> list[pl.DataFrame]:
        folds = cross_fit_folds([c.capture for c in captures])
        parts: list[pl.DataFrame] = []
        for n, fold in enumerate(folds):
            span = progress.span(n / len(folds), (n + 1) / len(folds))
            kept = [c for i, c in enumerate(captures) if i not in fold.held_out]
            progress.context.log(
                f"Fold {n + 1} of {len(folds)} ({fold.question}): {len(kept)} captures train the "
                f"experts that score {len(fold.held_out)} others."
            )
            bank = self._fold_bank(n, kept, span)
            for i in fold.held_out:
                raw = bank.raw(captures[i].graphs, self.data.batch_size)
                parts.append(_frame(captures[i], raw, fold=n, question=fold.question))
        return parts

    def _fold_bank(self, fold: int, kept: Sequence[LabelledCapture], progress: Span) -> ExpertBank:
        return train_bank(
            kept,
            self.experts,
            self.window,
            self.workdir / "folds" / str(fold),
            progress,
            self.seed + fold + 1,
        )

    def _write(self, cache: PredictionCache, digests: Mapping[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        cache.table.write_parquet(self.workdir / PREDICTIONS)
        content = (self.workdir / PREDICTIONS).read_bytes()
        # The manifest goes first and comes last, so that it never describes other predictions.
        (self.folder / MANIFEST).unlink(missing_ok=True)
        write_atomically(self.folder / PREDICTIONS, content)
        manifest = {
            "digests": dict(digests),
            "predictions": file_digest(self.folder / PREDICTIONS),
            "cross_fitted": cache.cross_fitted,
            "calibrations": {name: asdict(c) for name, c in cache.calibrations.items()},
        }
        write_atomically(self.folder / MANIFEST, json.dumps(manifest, indent=1).encode())


def _frame(
    captured: LabelledCapture, raw: Mapping[str, NDArray[np.float32]], fold: int, question: str
) -> pl.DataFrame:
    graphs, capture = captured.graphs, captured.capture
    return pl.DataFrame(
        {
            "window_start": graphs.start,
            "window_end": graphs.end,
            "label": graphs.label,
            **{f"{name}_raw": raw[name] for name in EXPERTS},
        }
    ).with_columns(
        capture=pl.lit(capture.name),
        vehicle=pl.lit(capture.vehicle),
        attack=pl.lit(capture.attack, pl.String),
        fold=pl.lit(fold, pl.Int32),
        question=pl.lit(question),
    )


def _calibrated(table: pl.DataFrame, *, cross_fitted: bool, reason: str) -> PredictionCache:
    label = table["label"].to_numpy()
    calibrations = {
        name: Calibration.fit(table[f"{name}_raw"].to_numpy(), label) for name in EXPERTS
    }
    scores = {
        COLUMNS[name]: calibration(table[f"{name}_raw"].to_numpy())
        for name, calibration in calibrations.items()
    }
    return PredictionCache(table.with_columns(**scores), calibrations, cross_fitted, reason)
