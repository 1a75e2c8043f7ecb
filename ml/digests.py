"""Digests that tell whether something made earlier still fits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

SCIENCE = (
    "can/**/*.py",
    "experts/*.py",
    "fusion/cache*.py",
    "batches.py",
    "lightning.py",
)


def digest_of(values: Any) -> str:
    """SHA-256 of JSON-able values, independent of the order of keys."""
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@cache
def code_digest() -> str:
    """SHA-256 of what turns logs into expert scores: our source, and the version of torch."""
    root = Path(__file__).parent
    sources = sorted(path for pattern in SCIENCE for path in root.glob(pattern))
    parts = [(path.relative_to(root).as_posix(), file_digest(path)) for path in sources]
    return digest_of([*parts, ("torch", version("torch"))])


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Names of the entries that are not the same in both."""
    return sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
