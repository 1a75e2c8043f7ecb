"""Where the real captures are, if they are on this machine."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "CANFUSE_TEST_CAPTURES"
BESIDE = Path(__file__).resolve().parents[2] / "shared" / "captures"


def find_captures() -> Path | None:
    """The folder named by the environment, else the one beside the checkout; None without one."""
    named = os.environ.get(VARIABLE)
    folder = Path(named) if named else BESIDE
    return folder if folder.is_dir() else None


def why_absent() -> str:
    """The reason for a skip."""
    return f"the real captures are not here: set {VARIABLE}, or put them in {BESIDE}"
