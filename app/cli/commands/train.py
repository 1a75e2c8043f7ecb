"""`canfuse train`."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli import on_demand as work
from app.cli.options import DataDirs, Home, Overrides

group = typer.Typer(
    name="train", help="Train experts, or experts and their fusion; publishes a release."
)


def _train(
    context: typer.Context,
    *,
    overrides: Overrides = None,
    preset: Annotated[
        str | None,
        typer.Option(help="Preset to start from, as in `canfuse presets`.", show_default=False),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(help="Dataset to train on, or several joined by commas.", show_default=False),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            "--epochs",
            "--max-epochs",
            help="Most passes over the training data.",
            show_default=False,
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option("--batch-size", "--batch_size", help="Windows a step.", show_default=False),
    ] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate.", show_default=False)] = None,
    experts: Annotated[
        str | None,
        typer.Option(
            help="Fusion only: release whose experts to use instead of training new ones.",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume",
            "--resume-from",
            metavar="FOLDER",
            help="Go on with an interrupted run: its folder or its name, or 'last'.",
            show_default=False,
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Few epochs, to see that all works.")
    ] = False,
    list_presets: Annotated[
        bool, typer.Option("--list-presets", help="List the presets and exit.")
    ] = False,
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
