"""Backups: one archive with the database, the releases, their reports and the vehicles.

Jobs' folders are not in it. A job that was under way begins anew where the backup is restored.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from ml.errors import Conflict
from workers.housekeeping import tables
from workers.housekeeping.cleaning import hold_house
from workers.jobs import JobStore
from workers.settings import Settings

SCHEMA_VERSION = 1
MANIFEST = "backup.json"
TABLES = "tables"
FOLDERS = ("releases", "reports", "vehicles")
_FAST = 1  # weights do not get smaller however long one tries


def back_up(store: JobStore, settings: Settings, target: Path) -> int:
    """Write a backup while the service runs, and tell its size in bytes.

    Everything that the database names is in it: a job's release is in the store before the job is
    said to have succeeded, and the database is read first.

    Raises:
        Conflict: the file is there already, or the house is being cleaned.
    """
    if target.exists():
        raise Conflict(f"{target} is there already.", "Choose another name, or move it away.")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    try:
        with hold_house(settings), tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            revision = tables.dump(store.engine, Path(scratch) / TABLES)
            with tarfile.open(part, "w:gz", compresslevel=_FAST) as archive:
                roots = [(Path(scratch), TABLES), *((settings.home, name) for name in FOLDERS)]
                digests = {
                    name: _add(archive, name, content)
                    for root, top in roots
                    for name, content in _files(root, top)
                }
                _add(archive, MANIFEST, _manifest(revision, digests))
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)
    return target.stat().st_size


def _files(root: Path, top: str) -> Iterator[tuple[str, bytes]]:
    # What an alias or `current` names has been there before it: the names are read first, and the
    # rest is listed after that.
    for pointing in (True, False):
        for path in sorted((root / top).rglob("*")):
            name = path.relative_to(root)
            hidden = any(word.startswith(".") for word in name.parts)
            if hidden or _points(path) is not pointing or not path.is_file():
                continue
            if (content := _content(path)) is not None:
                yield name.as_posix(), content


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None  # a profile's oldest version, say, that has just made room for a new one


def _points(path: Path) -> bool:
    return path.parent.name == "aliases" or path.name == "current"


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> str:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    entry.mode = 0o600
    archive.addfile(entry, io.BytesIO(content))
    return hashlib.sha256(content).hexdigest()


def _manifest(revision: str, digests: dict[str, str]) -> bytes:
    facts = {
        "schema_version": SCHEMA_VERSION,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "canfuse": version("canfuse"),
        "revision": revision,
        "files": digests,
    }
    return json.dumps(facts, indent=1).encode()
