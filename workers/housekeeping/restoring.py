"""Brings a backup back, into a home and a database that are empty."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from ml.errors import Conflict, InvalidInput
from ml.releases import ReleaseStore
from workers.database import connect
from workers.housekeeping import tables
from workers.housekeeping.backup import FOLDERS, MANIFEST, SCHEMA_VERSION, TABLES
from workers.housekeeping.cleaning import hold_house
from workers.housekeeping.waste import entries
from workers.settings import Settings


class BackupCorrupt(InvalidInput):
    """A backup is not what was written."""

    slug = "backup-corrupt"


def restore(source: Path, settings: Settings) -> dict[str, Any]:
    """Restore a backup, whole or not at all, and tell what it says of itself.

    Raises:
        BackupCorrupt: it is damaged, or no backup.
        Conflict: the home or the database holds something already.
        DatabaseUnusable: it was made by a newer canfuse.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    with hold_house(settings), tempfile.TemporaryDirectory(dir=settings.home) as scratch:
        _check_empty(settings.home)
        folder = Path(scratch)
        manifest = _unpack(source, folder)
        _check_releases(folder)
        engine = connect(settings.database_url)
        try:
            with engine.begin() as connection:
                tables.load(connection, folder / TABLES, manifest["revision"])
                # Last, so that the database is as it was should this fail.
                _move_in(folder, settings.home)
        finally:
            engine.dispose()
    return manifest


def _check_empty(home: Path) -> None:
    for name in FOLDERS:
        if entries(home / name):
            raise Conflict(
                f"{home / name} is not empty.",
                "Restore into an empty home: set CANFUSE_HOME to another folder, or move it away.",
            )


def _unpack(source: Path, folder: Path) -> dict[str, Any]:
    try:
        with tarfile.open(source) as archive:
            # Neither links nor paths that lead elsewhere come through.
            archive.extractall(folder, filter="data")
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
        schema, listed = int(manifest["schema_version"]), dict(manifest["files"])
    except (tarfile.TarError, OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise _corrupt(source, f"it cannot be read ({type(error).__name__})") from error
    if schema > SCHEMA_VERSION:
        raise InvalidInput(f"{source} was made by a newer canfuse.", "Upgrade canfuse first.")
    found = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path != folder / MANIFEST
    }
    if found != listed:
        raise _corrupt(source, "its files are not those that it lists")
    return manifest


def _check_releases(folder: Path) -> None:
    store = ReleaseStore(folder / "releases")
    for card in store.versions():
        store.verify(card.version)


def _move_in(folder: Path, home: Path) -> None:
    for name in FOLDERS:
        if (folder / name).is_dir():
            shutil.rmtree(home / name, ignore_errors=True)  # which is an empty folder
            (folder / name).rename(home / name)


def _corrupt(source: Path, why: str) -> BackupCorrupt:
    return BackupCorrupt(f"The backup {source} is corrupt: {why}.", "Use another one.")
