"""What is known about a capture beside its frames: its split, its vehicle, its attack.

From a `MANIFEST.json` where there is one, else from the names of the file and its split:

- a name that begins with `attack-free`, `normal`, `benign` or `accessory` is attack-free;
- so is every file in a split that is named so, unless its name begins with a known attack;
- else the name is `KIND-vehicle`, `KIND-run number` or `KIND`; a run number may also follow `KIND`
  directly, so that `drive1` and `drive2` are two captures of the one kind `drive`.
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
_BENIGN_SPLIT = re.compile(r"(attack[-_]?free|normal|benign)", re.IGNORECASE)
_ATTACK = re.compile(
    r"(attack(?![-_]?free)|dos|flood|fuzz|spoof|gear|rpm|speed|replay|malfunction|masquerade"
    r"|suspension|impersonation|interval|standstill|systematic|force|combined|double|triple)",
    re.IGNORECASE,
)
_RUN_NUMBER = re.compile(r"\d+")
_TRAILING_NUMBER = re.compile(r"[-_ ]?\d+$")
UNNAMED = "unnamed"
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
    """Read the kind of attack and the vehicle off a capture's name, as described above.

    Args:
        path: the capture's file, in the folder of its split.
        dataset: stands in for the vehicle where the name has none.
    """
    stem = _CEREMONY.sub("", path.stem) or path.stem
    benign = _BENIGN.match(stem)
    if benign:
        kind, suffix = None, stem[benign.end() :].strip("-_")
    else:
        kind, suffix = _kind_and_suffix(stem)
        if _BENIGN_SPLIT.search(path.parent.name) and not _ATTACK.match(stem):
            kind = None
    named = suffix and not _RUN_NUMBER.fullmatch(suffix)
    return Facts(suffix if named else dataset, kind)


def _kind_and_suffix(stem: str) -> tuple[str, str]:
    if "-" in stem:
        kind, _, suffix = stem.rpartition("-")
        return kind or UNNAMED, suffix
    return _TRAILING_NUMBER.sub("", stem) or UNNAMED, ""
