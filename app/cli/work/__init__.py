"""What the commands do. Each module is loaded when its command runs, so that help comes at once."""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

from app.cli.places import limit_threads

if TYPE_CHECKING:
    from app.cli.work import (
        caches,
        checks,
        client,
        data,
        demonstration,
        evaluation,
        jobs,
        presets,
        releases,
        scoring,
        service,
        training,
    )

__all__ = [
    "caches",
    "checks",
    "client",
    "data",
    "demonstration",
    "evaluation",
    "jobs",
    "presets",
    "releases",
    "scoring",
    "service",
    "training",
]


def __getattr__(name: str) -> ModuleType:
    if name not in __all__:
        raise AttributeError(name)
    limit_threads()
    return importlib.import_module(f"{__name__}.{name}")
