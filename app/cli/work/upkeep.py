"""`canfuse clean`, `canfuse backup` and `canfuse restore`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.cli.places import load_settings
from app.cli.terminal import note, say, show, table, write
from app.settings import Settings
from workers.housekeeping.backup import back_up
from workers.housekeeping.cleaning import clean as clean_house
from workers.housekeeping.restoring import restore as restore_house
from workers.jobs import JobStore, open_store


def clean(home: Path | None, *, dry_run: bool, as_json: bool) -> None:
    """Clean, and list what went or would go."""
    with _opened(home) as (store, settings):
        found = clean_house(store, settings, dry_run=dry_run)
    if as_json:
        write(json.dumps([waste.to_dict() for waste in found], indent=1) + "\n")
        return
    made = table("What", "Name", "Why", "MB", numbers=1)
    for waste in found:
        made.add_row(waste.kind, waste.name, waste.why, f"{waste.size / 1e6:.1f}")
    if found:
        show(made)
    verb = "would be removed" if dry_run else "removed"
    say(f"{len(found)} {verb}, {sum(waste.size for waste in found) / 1e6:.1f} MB.")


def backup(file: Path, home: Path | None) -> None:
    """Write a backup."""
    with _opened(home) as (store, settings):
        size = back_up(store, settings, file)
    say(f"Backed up {settings.home} and its database to {file} ({size / 1e6:.1f} MB).")


def restore(file: Path, home: Path | None) -> None:
    """Restore a backup."""
    settings = load_settings(home)
    manifest = restore_house(file, settings)
    say(f"Restored the backup of {manifest['made_at']} to {settings.home} and its database.")
    note("Jobs that were under way begin anew once a worker runs.")


@contextmanager
def _opened(home: Path | None) -> Iterator[tuple[JobStore, Settings]]:
    settings = load_settings(home)
    store = open_store(settings)
    try:
        yield store, settings
    finally:
        store.engine.dispose()
