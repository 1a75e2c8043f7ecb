"""What is known about a capture beside its frames: its split, its vehicle, its attack.

From a `MANIFEST.json` where there is one, else from the file's name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, TypeAdapter, ValidationError

from ml.errors import InvalidInput

MANIFEST = "MANIFEST.json"
_BENIGN = re.compile(
    r"(attack[-_]?free|accessory|normal|benign)([-_]?(run|data|driving))*", re.IGNORECASE
)
_RUN_NUMBER = re.compile(r"\d+")
_CEREMONY = re.compile(r"[-_]?data(set)?$", re.IGNORECASE)


@dataclass(frozen=True)
class Facts:
    """Whose traffic a capture is, and what attacks it.

    Attributes:
        vehicle: name of the car.
        attack: kind of the attack; None in attack-free traffic.
    """

    vehicle: str
    attack: str | None


class ManifestRow(BaseModel):
    """One capture in a manifest; further facts in a row are left alone."""

    path: str
    vehicle: str
    attack: str | None = None


_ROWS = TypeAdapter(list[ManifestRow])


def read_manifest(folder: Path) -> dict[Path, Facts]:
    """The facts of a folder's manifest by capture path; none where there is no manifest.

    Raises:
        InvalidInput: the manifest is not a list of rows with `path` and `vehicle`.
    """
    file = folder / MANIFEST
    if not file.is_file():
        return {}
    try:
        rows = _ROWS.validate_json(file.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise InvalidInput(
            f"{file} is no manifest: {where}: {first['msg']}.",
            "It is a list of rows with path, split, vehicle and attack; mend it or remove it.",
        ) from error
    return {folder / row.path: Facts(row.vehicle, attack_kind(row.attack)) for row in rows}


def attack_kind(kind: str | None) -> str | None:
    """The kind of attack, None for the names of attack-free traffic."""
    return None if kind is None or not kind.strip() or _BENIGN.fullmatch(kind) else kind


def facts_from_name(path: Path, dataset: str) -> Facts:
    """Read `KIND-vehicle` or `KIND-run number` off a file's name.

    Args:
        path: the capture's file.
        dataset: stands in for the vehicle where the name has none.
    """
    stem = _CEREMONY.sub("", path.stem) or path.stem
    benign = _BENIGN.match(stem)
    if benign:
        kind, suffix = None, stem[benign.end() :].strip("-_")
    else:
        kind, _, suffix = stem.rpartition("-") if "-" in stem else (stem, "", "")
    named = suffix and not _RUN_NUMBER.fullmatch(suffix)
    return Facts(suffix if named else dataset, kind)
