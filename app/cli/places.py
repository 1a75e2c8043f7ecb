"""Where the command line works: the settings, with what was given as options on top."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.settings import Settings

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "POLARS_MAX_THREADS")


def load_settings(
    home: Path | None = None, data_dirs: Sequence[Path] | None = None, **given: Any
) -> Settings:
    """The settings of the environment, overridden by the options that were given.

    Raises:
        InvalidInput: a variable or an option has a value that cannot be used.
    """
    from app.settings import Settings  # noqa: PLC0415 - not needed for a help text

    options = {"home": home, "data_dirs": tuple(data_dirs) if data_dirs else None, **given}
    return Settings.load(**{name: value for name, value in options.items() if value is not None})


def limit_threads() -> None:
    """Give computations their share of the cores; to be called before their libraries load."""
    if any(name not in os.environ for name in _THREAD_VARIABLES):
        threads = str(load_settings().thread_count)
        for name in _THREAD_VARIABLES:
            os.environ.setdefault(name, threads)
