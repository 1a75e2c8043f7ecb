"""What a release says of itself, and whether that is true."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import version as library_version
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, TypeAdapter, ValidationError
from pydantic_core import from_json

from ml.config import config
from ml.digests import digest_of, file_digest
from ml.errors import CanfuseError, InvalidInput
from ml.files import write_atomically

# 2: experts see traffic relative to profiles, which the bundle holds.
SCHEMA_VERSION = 3
MANIFEST = "manifest.json"
LIBRARIES = (
    "torch",
    "torch-geometric",
    "pytorch-lightning",
    "safetensors",
    "numpy",
    "scikit-learn",
)
LARGEST_MANIFEST = 16 << 20
# What describes how a release came about, rather than what it is.
CIRCUMSTANCES = ("version", "created_at", "metrics", "libraries")


class ReleaseCorrupt(CanfuseError):
    """A release's files are not what its manifest says."""

    slug = "release-corrupt"


class ReleaseTooNew(InvalidInput):
    """A release was made by a newer version of canfuse."""

    slug = "release-too-new"


class ReleaseOutdated(InvalidInput):
    """A release was made by an older version of canfuse, in a layout that is no longer read."""

    slug = "release-outdated"


def _moment(text: str) -> str:
    datetime.fromisoformat(text)
    return text


@config
class Manifest:
    """A release's card.

    Attributes:
        schema_version: layout of the bundle.
        version: digest of the content, 16 hexadecimal digits.
        kind: "fusion" can score; "experts" holds trained experts for a fusion to start from.
        name: for people.
        created_at: ISO 8601, UTC.
        dataset: its name and the digest of its captures.
        config: the whole configuration of the job.
        window: `window_size` and `stride`.
        threshold: verdict line on the fused score; None for experts.
        metrics: what was measured when it was made.
        files: sha256 and size of each file of the bundle.
        parents: versions of the releases it was made from.
        libraries: versions of the libraries that made it.
    """

    schema_version: int
    version: str
    kind: Literal["fusion", "experts"]
    name: str
    created_at: Annotated[str, AfterValidator(_moment)]
    dataset: Mapping[str, Any]
    config: Mapping[str, Any]
    window: Mapping[str, int]
    threshold: float | None
    metrics: Mapping[str, Any]
    files: Mapping[str, Mapping[str, Any]]
    parents: tuple[str, ...]
    libraries: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """The manifest as JSON-able values."""
        return asdict(self)


def seal(
    folder: Path,
    *,
    kind: Literal["fusion", "experts"],
    name: str,
    dataset: Mapping[str, Any],
    config: Mapping[str, Any],
    window: Mapping[str, int],
    threshold: float | None = None,
    metrics: Mapping[str, Any] | None = None,
    parents: tuple[str, ...] = (),
) -> Manifest:
    """Write the manifest of the files in a folder, which makes the folder a release bundle."""
    manifest = Manifest(
        schema_version=SCHEMA_VERSION,
        version="",
        kind=kind,
        name=name,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        dataset=dataset,
        config=config,
        window=window,
        threshold=threshold,
        metrics=metrics or {},
        files=_inventory(folder),
        parents=parents,
        libraries={library: library_version(library) for library in LIBRARIES},
    )
    sealed = replace(manifest, version=content_digest(manifest))
    write_atomically(
        folder / MANIFEST, json.dumps(sealed.to_dict(), indent=1, allow_nan=False).encode()
    )
    return sealed


def content_digest(manifest: Manifest) -> str:
    """The version that a manifest's content amounts to."""
    content = {k: v for k, v in manifest.to_dict().items() if k not in CIRCUMSTANCES}
    return digest_of(content)[:16]


def read_manifest(folder: Path) -> Manifest:
    """Read a bundle's manifest.

    Raises:
        ReleaseTooNew: its layout is newer than this software.
        ReleaseCorrupt: it is missing, unreadable or incomplete.
    """
    try:
        values = from_json(_read_some(folder / MANIFEST), allow_inf_nan=False)
        schema = int(values["schema_version"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        why = f"its manifest cannot be read ({type(error).__name__})"
        raise corrupt(folder.name, why) from error
    if schema > SCHEMA_VERSION:
        raise ReleaseTooNew(
            f"Release '{folder.name}' has layout {schema}; this canfuse knows {SCHEMA_VERSION}.",
            "Upgrade canfuse, or use an older release.",
        )
    try:
        return TypeAdapter(Manifest).validate_python(values)
    except ValidationError as error:
        raise corrupt(folder.name, "its manifest lacks fields or has wrong ones") from error


def verify(folder: Path) -> Manifest:
    """Read a bundle's manifest and check every file against it.

    Raises:
        ReleaseTooNew, ReleaseCorrupt: as `read_manifest`, or a file is missing, changed or extra.
        ReleaseOutdated: its layout is no longer read.
    """
    manifest = read_manifest(folder)
    if manifest.schema_version < SCHEMA_VERSION:
        raise ReleaseOutdated(
            f"Release '{folder.name}' has layout {manifest.schema_version}, which is read no more.",
            "Train it again.",
        )
    if _inventory(folder) != {name: dict(facts) for name, facts in manifest.files.items()}:
        raise corrupt(folder.name, "its files are not those that the manifest lists")
    if content_digest(manifest) != manifest.version:
        raise corrupt(folder.name, "its version is not the digest of its content")
    return manifest


def corrupt(name: str, why: str) -> ReleaseCorrupt:
    """The error for a release that is not what it says."""
    return ReleaseCorrupt(
        f"Release '{name}' is corrupt: {why}.", "Publish it again, or point the alias elsewhere."
    )


def _read_some(path: Path) -> bytes:
    if path.stat().st_size > LARGEST_MANIFEST:
        raise ValueError("it is too large")
    return path.read_bytes()


def _inventory(folder: Path) -> dict[str, dict[str, Any]]:
    files = sorted(p for p in folder.rglob("*") if p.is_symlink() or not p.is_dir())
    for path in files:
        if path.is_symlink() or not path.is_file():
            # A link leads elsewhere, and a device or a pipe may never come to its end.
            raise corrupt(folder.name, f"{path.name[:80]} is no ordinary file")
    own = (p for p in files if p != folder / MANIFEST)
    return {p.relative_to(folder).as_posix(): _facts(p) for p in own}


def _facts(path: Path) -> dict[str, Any]:
    return {"sha256": file_digest(path), "size": path.stat().st_size}
