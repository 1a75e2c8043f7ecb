"""Finds the job kinds in this package."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, to_json

import ml.pipelines
from ml.context import Context, Workspace
from ml.errors import InvalidInput, NotFound


@dataclass(frozen=True)
class Pipeline:
    """A job kind.

    Attributes:
        name: the kind, as in `POST /jobs/{kind}`.
        config: a frozen dataclass; the API body, the command line and a preset all become one.
        run: does the work and returns JSON-able facts about the outcome. Where it built a
            release it left the bundle in `context.workdir / "release"` (with its report in
            `context.workdir / "report"`) and returns `{"release": <version>, "alias": …, …}`;
            whoever started the run publishes it.
        summary: one line for people.
        check: looks, in no time, for what would make the run fail: an unknown dataset, reward or
            release. Its last argument tells whether import paths are trusted (see `Context`).
        accelerated: True where a GPU helps, which decides the queue.
    """

    name: str
    config: type[Any]
    run: Callable[[Any, Context], dict[str, Any]]
    summary: str
    check: Callable[[Any, Workspace, bool], None] = lambda *_: None
    accelerated: bool = True

    def parse(self, values: Mapping[str, Any]) -> Any:
        """Make the config from plain values.

        Raises:
            InvalidInput: a value is unknown, missing or out of range; `extra["errors"]` lists
                each with its field path.
        """
        adapter = TypeAdapter(self.config)
        try:
            made = adapter.validate_python(values)
        except ValidationError as error:
            raise self._invalid(error.errors()) from error
        if mistaken := _mistaken_truths(adapter, values):
            raise self._invalid(mistaken)
        return made

    def _invalid(self, errors: Sequence[ErrorDetails]) -> InvalidInput:
        problems = [
            {"field": ".".join(str(part) for part in e["loc"]), "message": e["msg"]} for e in errors
        ]
        listing = "; ".join(f"{p['field'] or 'config'}: {p['message']}" for p in problems)
        return InvalidInput(
            f"The {self.name} configuration is not valid: {listing}.",
            "Correct these fields.",
            errors=problems,
        )


def _mistaken_truths(adapter: TypeAdapter[Any], values: Mapping[str, Any]) -> list[ErrorDetails]:
    """Where a number stands for a truth value or the other way round, which pydantic lets pass.

    Text may stand for either, as the command line gives it.
    """
    try:
        adapter.validate_json(to_json(values), strict=True)
    except ValidationError as error:
        return [
            e
            for e in error.errors()
            if isinstance(e["input"], bool)
            or (e["type"] == "bool_type" and isinstance(e["input"], int | float))
        ]
    return []


@cache
def pipelines() -> Mapping[str, Pipeline]:
    """Every job kind by name."""
    modules = pkgutil.iter_modules(ml.pipelines.__path__)
    found = (importlib.import_module(f"ml.pipelines.{m.name}") for m in modules)
    kinds = [
        kind for module in found if isinstance(kind := getattr(module, "KIND", None), Pipeline)
    ]
    return {kind.name: kind for kind in sorted(kinds, key=lambda k: k.name)}


def pipeline(name: str) -> Pipeline:
    """The job kind of that name.

    Raises:
        NotFound: there is none.
    """
    # Mostly a kind is named like its module: the others, and torch with them, then stay unloaded.
    if found := _kind_in(name) or pipelines().get(name):
        return found
    raise NotFound(f"There is no job kind '{name}'.", f"Choose one of: {', '.join(pipelines())}.")


def _kind_in(module: str) -> Pipeline | None:
    if module not in {m.name for m in pkgutil.iter_modules(ml.pipelines.__path__)}:
        return None
    kind = getattr(importlib.import_module(f"ml.pipelines.{module}"), "KIND", None)
    return kind if isinstance(kind, Pipeline) and kind.name == module else None
