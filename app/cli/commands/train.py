"""`canfuse train`."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli import on_demand as work
from app.cli.options import DataDirs, Home, Overrides

group = typer.Typer(
    name="train", help="Train experts, or experts and their fusion; publishes a release."
)

Preset = Annotated[
    str | None,
    typer.Option(help="Preset to start from, as in `canfuse presets`.", show_default=False),
]
Dataset = Annotated[
    str | None,
    typer.Option(help="Dataset to train on, or several joined by commas.", show_default=False),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        "--epochs", "--max-epochs", help="Most passes over the training data.", show_default=False
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option("--batch-size", "--batch_size", help="Windows a step.", show_default=False),
]
LearningRate = Annotated[float | None, typer.Option(help="Learning rate.", show_default=False)]
Experts = Annotated[
    str | None,
    typer.Option(
        help="Fusion only: release whose experts to use instead of training new ones.",
        show_default=False,
    ),
]
Resume = Annotated[
    str | None,
    typer.Option(
        "--resume",
        "--resume-from",
        metavar="RUN",
        help="Go on with an interrupted run: its name, its folder, a checkpoint in it, or 'last'.",
        show_default=False,
    ),
]
Quick = Annotated[bool, typer.Option("--quick", help="Few epochs, to see that all works.")]
ListPresets = Annotated[bool, typer.Option("--list-presets", help="List the presets and exit.")]


def _train(
    context: typer.Context,
    *,
    overrides: Overrides = None,
    preset: Preset = None,
    dataset: Dataset = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    lr: LearningRate = None,
    experts: Experts = None,
    resume: Resume = None,
    quick: Quick = False,
    list_presets: ListPresets = False,
    home: Home = None,
    data_dirs: DataDirs = None,
) -> None:
    kind = context.info_name or ""
    if list_presets:
        work.presets.list_presets(kind)
        return
    options = {"epochs": epochs, "batch_size": batch_size, "lr": lr, "experts": experts}
    order = work.training.Order(kind, preset, dataset, options, overrides or (), resume, quick)
    work.training.train(order, home, data_dirs)


group.command("fusion", help="Train experts and the fusion of their scores.")(_train)
group.command("experts", help="Train the experts alone, for fusions to start from.")(_train)
