"""The modules of `app.cli.work`, each loaded when it is first used: so help comes at once."""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

from app.cli.places import limit_threads

if TYPE_CHECKING:
    from app.cli.work import (
        caches,
        checks,
        data,
        demonstration,
        evaluation,
        jobs,
        keys,
        presets,
        protocol,
        releases,
        remote,
        scoring,
        service,
        simulation,
        training,
        upkeep,
        vehicles,
    )

__all__ = [
    "caches",
    "checks",
    "data",
    "demonstration",
    "evaluation",
    "jobs",
    "keys",
    "presets",
    "protocol",
    "releases",
    "remote",
    "scoring",
    "service",
    "simulation",
    "training",
    "upkeep",
    "vehicles",
]


def __getattr__(name: str) -> ModuleType:
    if name not in __all__:
        raise AttributeError(name)
    limit_threads()
    return importlib.import_module(f"app.cli.work.{name}")
