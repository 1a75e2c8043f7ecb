"""`canfuse data`: looks into logs and datasets, and converts them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.captures.schemas import CaptureFacts
from app.captures.service import facts
from app.cli.places import load_settings
from app.cli.progress import progress
from app.cli.terminal import note, say, show, table, warn, write
from ml.can.datasets import (
    DATASETS,
    SUFFIXES,
    Capture,
    Dataset,
    dataset_names,
    find_dataset,
    load_capture,
)
from ml.can.readers import read_log
from ml.can.writers import write_log
from ml.errors import Conflict, InvalidInput, NotFound


def list_datasets(home: Path | None, data_dirs: Sequence[Path] | None) -> None:
    """List the datasets that are there, and the published ones that could be."""
    folders = load_settings(home, data_dirs).data_dirs
    there = dataset_names(folders)
    made = table("Dataset", "Here", "What it is")
    for name in sorted({*there, *DATASETS}):
        preset = DATASETS.get(name)
        about = f"{preset.title}. {preset.description}" if preset else ""
        made.add_row(name, "yes" if name in there else "no", about)
    show(made)
    note(f"Looked in {', '.join(map(str, folders))}. Join several by commas to combine them.")


def info(
    what: str, home: Path | None, data_dirs: Sequence[Path] | None, *, lenient: bool, as_json: bool
) -> None:
    """Describe a log file, or a dataset by its name."""
    if Path(what).is_file():
        _file_info(Path(what), lenient=lenient, as_json=as_json)
        return
    if Path(what).suffix.lower() in SUFFIXES:
        raise NotFound(f"There is no file {what}.", "Check the path.")
    dataset = find_dataset(what, load_settings(home, data_dirs).data_dirs, needs=())
    _dataset_info(dataset, lenient=lenient, as_json=as_json)


def convert(source: Path, target: Path, *, lenient: bool, force: bool) -> None:
    """Convert a log, or every log below a folder, to the format that the target's suffix names."""
    if not source.is_dir():
        _convert(source, target, lenient=lenient, force=force)
        say(f"Written to {target}.")
        return
    logs = sorted(p for p in source.rglob("*") if p.is_file() and p.suffix.lower() in SUFFIXES)
    if not logs:
        raise NotFound(
            f"There are no logs below {source}.", f"They end in {', '.join(sorted(SUFFIXES))}."
        )
    with progress("convert") as bar:
        for done, log in enumerate(logs):
            bar.advance(done / len(logs), "convert", log.name)
            place = (target / log.relative_to(source)).with_suffix(".parquet")
            _convert(log, place, lenient=lenient, force=force)
    say(f"{len(logs)} logs written to {target}.")


def _convert(source: Path, target: Path, *, lenient: bool, force: bool) -> None:
    if target.exists() and not force:
        raise Conflict(
            f"{target} exists already.", "Choose another name, or replace it with --force."
        )
    if target.exists() and source.samefile(target):
        raise InvalidInput("Source and target are the same file.", "Choose another target.")
    log = read_log(source, strict=not lenient)
    if log.report.dropped:
        warn(f"{source}: {log.report.dropped} of {log.report.lines} lines were bad and left out.")
    if target.suffix == ".log" and log.frames.label is not None and log.frames.label.any():
        warn(f"{target}: candump holds no labels; they are lost.")
    write_log(log.frames, target)


def _file_info(path: Path, *, lenient: bool, as_json: bool) -> None:
    found = facts(read_log(path, strict=not lenient))
    if as_json:
        write(found.model_dump_json(indent=1) + "\n")
        return
    say(f"Log        {path}")
    say(f"Format     {found.log.format}, {found.log.lines} lines, {found.log.dropped} dropped")
    rate = f", {found.frames_per_second:.0f} a second" if found.frames_per_second else ""
    say(f"Frames     {found.frames} in {found.duration:.3f} s{rate}")
    say(f"Ids        {found.ids}, {found.extended_ids} of them with 29 bits")
    special = f"{found.error_frames} error, {found.remote_frames} remote, {found.fd_frames} CAN-FD"
    attacks = "no labels" if found.attack_frames is None else f"{found.attack_frames} frames"
    say(f"Special    {special}")
    say(f"Attacks    {attacks}")
    say(f"Order      {found.log.backward_steps} timestamps ran backwards")
    for problem in found.log.first_problems:
        warn(f"  {problem}")


def _dataset_info(dataset: Dataset, *, lenient: bool, as_json: bool) -> None:
    rows: list[tuple[Capture, CaptureFacts]] = []
    with progress("read") as bar:
        for done, capture in enumerate(dataset.captures):
            bar.advance(done / len(dataset.captures), "read captures", capture.name)
            rows.append((capture, facts(load_capture(capture, strict=not lenient))))
    if as_json:
        write(json.dumps(_as_json(dataset, rows), indent=1) + "\n")
        return
    made = table(
        "Capture", "Vehicle", "Attack", "Frames", "Attack frames", "Ids", "Seconds", numbers=4
    )
    for capture, found in rows:
        attacks = "–" if found.attack_frames is None else str(found.attack_frames)
        figures = (str(found.frames), attacks, str(found.ids), f"{found.duration:.1f}")
        made.add_row(capture.name, capture.vehicle, capture.attack or "", *figures)
    show(made)
    for left_out, kept in dataset.repeats:
        warn(f"{left_out} repeats {kept} and is left out.")


def _as_json(dataset: Dataset, rows: Sequence[tuple[Capture, CaptureFacts]]) -> dict[str, Any]:
    captures = [
        {
            "name": capture.name,
            "split": capture.split,
            "vehicle": capture.vehicle,
            "attack": capture.attack,
            **found.model_dump(mode="json"),
        }
        for capture, found in rows
    ]
    return {
        "name": dataset.name,
        "captures": captures,
        "repeats": [list(r) for r in dataset.repeats],
    }
