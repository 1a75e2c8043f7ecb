"""Builds prediction caches, and finds out whether one on disk still fits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.can.features import WINDOW_FEATURES
from ml.can.loading import LabelledCapture, halved
from ml.can.splits import cross_fit_folds
from ml.can.windows import WindowConfig, window_overlap
from ml.context import Span
from ml.digests import code_digest, differences, digest_of
from ml.experts.bank import EXPERTS, ExpertBank, ExpertsConfig, require_both_classes, train_bank
from ml.fusion.cache import MANIFEST, PredictionCache
from ml.fusion.config import FusionDataConfig

SCHEMA_VERSION = 3


@dataclass(frozen=True)
class PredictionCacheBuilder:
    """Builds a prediction cache, or finds that one on disk fits.

    Attributes:
        root: where a dataset's caches are kept, each in a folder named by its digest.
        workdir: the job's folder.
        banks: takes the checkpoints of the folds' experts, in folders named by what they are
            trained on: a later attempt goes on where this one stopped, and evaluations in which the
            same captures are left out twice train once.
        experts: the experts to cross-fit.
        data: options of the cache.
        window: how traffic is cut.
        seed: decides all randomness.
    """

    root: Path
    workdir: Path
    banks: Path
    experts: ExpertsConfig
    data: FusionDataConfig
    window: WindowConfig
    seed: int

    def build(
        self, captures: Sequence[LabelledCapture], progress: Span, bank: ExpertBank | None = None
    ) -> tuple[PredictionCache, str]:
        """The cache for these captures, and why it was built ("" where one on disk fits).

        Args:
            captures: the training captures.
            progress: where to report.
            bank: experts whose predictions to take as they are, because they never saw these
                captures or because `data.in_sample` asks for it; None to cross-fit.

        Raises:
            InvalidInput: the captures cannot be cross-fitted, or lack a class.
            Cancelled: the run was asked to stop.
        """
        require_both_classes(captures)
        digests = self.digests(captures, bank)
        folder = self.root / digest_of(digests)[:16]
        found = None if self.data.rebuild else PredictionCache.load(folder)
        if found is not None:
            (folder / MANIFEST).touch()  # what is used is kept
            progress.context.log("The prediction cache on disk fits and is used.")
            return found, ""
        reason = self.why(digests)
        progress.context.log(f"Building the prediction cache: {reason}.")
        parts = self._cross_fit(captures, progress) if bank is None else self._take(captures, bank)
        cross_fitted = bank is None or not self.data.in_sample
        cache = PredictionCache.of(pl.concat(parts), cross_fitted=cross_fitted, digests=digests)
        cache.save(folder, self.workdir)
        return cache, reason

    def digests(
        self, captures: Sequence[LabelledCapture], bank: ExpertBank | None
    ) -> dict[str, Any]:
        """Everything that a cache must agree with."""
        facts = ((c.capture, seen_by_experts(c)) for c in captures)
        rows = sorted([c.name, c.vehicle, c.attack or "", c.digest, seen] for c, seen in facts)
        return {
            "schema": SCHEMA_VERSION,
            "captures": digest_of(rows),
            "experts": digest_of(asdict(self.experts)) if bank is None else bank.digest,
            "window": asdict(self.window),
            "seed": self.seed,
            "code": code_digest(),
            "in_sample": self.data.in_sample,
            "vehicle_folds": self.data.vehicle_folds,
        }

    def why(self, digests: Mapping[str, Any]) -> str:
        """Why there is no cache that fits."""
        if self.data.rebuild:
            return "a rebuild was asked for"
        if (self.root / digest_of(digests)[:16]).exists():
            return "the one on disk was changed since it was made"
        made = sorted(self.root.glob(f"*/{MANIFEST}"), key=lambda p: p.stat().st_mtime)
        caches = (PredictionCache.load(path.parent) for path in reversed(made))
        latest = next((cache for cache in caches if cache), None)
        if latest is None:
            return "there is none yet"
        changed = differences(latest.digests, digests)
        return f"the last one was made from other {', '.join(changed)}"

    def _take(self, captures: Sequence[LabelledCapture], bank: ExpertBank) -> list[pl.DataFrame]:
        question = "in-sample" if self.data.in_sample else "unseen captures"
        return [
            _frame(c, bank.raw(c.graphs, self.data.batch_size), fold=-1, question=question)
            for c in captures
        ]

    def _cross_fit(self, captures: Sequence[LabelledCapture], progress: Span) -> list[pl.DataFrame]:
        captures = self._divided(captures, progress)
        folds = cross_fit_folds([c.planned for c in captures], self.data.vehicle_folds)
        parts: list[pl.DataFrame] = []
        for n, fold in enumerate(folds):
            span = progress.span(n / len(folds), (n + 1) / len(folds))
            kept = [c for i, c in enumerate(captures) if i not in fold.held_out]
            progress.context.log(
                f"Fold {n + 1} of {len(folds)} ({fold.question}): {len(kept)} captures train the "
                f"experts that score {len(fold.held_out)} others."
            )
            bank = self._fold_bank(kept, span)
            for i in fold.held_out:
                raw = bank.raw(captures[i].graphs, self.data.batch_size)
                parts.append(_frame(captures[i], raw, fold=n, question=fold.question))
        return parts

    def _divided(
        self, captures: Sequence[LabelledCapture], progress: Span
    ) -> Sequence[LabelledCapture]:
        """The captures; a lone one with attacks in halves, which then score each other."""
        attacked = [c for c in captures if c.label.any()]
        if len(attacked) != 1:
            return captures
        name = attacked[0].capture.name
        progress.context.log(
            f"Only {name} has attacks: its halves score each other, which tells little of other "
            "captures.",
            "warning",
        )
        halves = halved(attacked[0], window_overlap(self.window))
        return [c for c in captures if not c.label.any()] + list(halves)

    def _fold_bank(self, kept: Sequence[LabelledCapture], progress: Span) -> ExpertBank:
        seen = sorted(seen_by_experts(captured) for captured in kept)
        recipe = [asdict(self.experts), asdict(self.window), self.seed, code_digest(), seen]
        folder = self.banks / digest_of(recipe)[:16]
        return train_bank(kept, self.experts, self.window, folder, progress, self.seed + 1)


def _frame(
    captured: LabelledCapture, raw: Mapping[str, NDArray[np.float32]], fold: int, question: str
) -> pl.DataFrame:
    """The rows of one capture's prediction; windows that its profile was learnt from have none."""
    graphs, capture = captured.graphs, captured.capture
    columns = {name: graphs.window[:, n] for n, name in enumerate(WINDOW_FEATURES)}
    table = pl.DataFrame(
        {
            "window_start": graphs.start,
            "window_end": graphs.end,
            "label": graphs.label,
            **columns,
            **{f"{name}_raw": raw[name] for name in EXPERTS},
        }
    ).with_columns(
        capture=pl.lit(capture.name),
        vehicle=pl.lit(capture.vehicle),
        attack=pl.lit(capture.attack, pl.String),
        fold=pl.lit(fold, pl.Int32),
        question=pl.lit(question),
    )
    return table.filter(pl.Series(~captured.enrolled))


def seen_by_experts(captured: LabelledCapture) -> str:
    """Digest of what experts learn from a capture: its windows under all profiles of its car."""
    facts = (captured.capture.digest, captured.capture.vehicle, captured.planned.attack)
    digest = hashlib.sha256(repr(facts).encode())
    digest.update(captured.enrolled.tobytes())
    digest.update(captured.label.tobytes())
    for graphs in (captured.graphs, *(view.graphs for view in captured.views)):
        digest.update(graphs.window.tobytes())
    return digest.hexdigest()
