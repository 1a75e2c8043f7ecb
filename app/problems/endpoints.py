"""What each type of problem means: where a problem's `type` leads."""

from __future__ import annotations

from fastapi import APIRouter

from app.problems.document import ProblemType, problem_type, problems
from ml.errors import CanfuseError, NotFound

router = APIRouter(prefix="/problems", tags=["problems"])


@router.get("", summary="List the types of problems")
def list_problem_types() -> list[ProblemType]:
    """Every type of problem that an answer may carry, with its status code."""
    return [problem_type(kind) for _, kind in sorted(_kinds().items())]


@router.get("/{slug}", summary="Explain a type of problem", responses=problems(404, 422))
def explain_problem_type(slug: str) -> ProblemType:
    """What a problem of this type means; the `type` of every problem leads here."""
    if kind := _kinds().get(slug):
        return problem_type(kind)
    raise NotFound(f"There is no type of problem '{slug}'.", "See /problems for all of them.")


def _kinds() -> dict[str, type[CanfuseError]]:
    """Every kind of error with a name of its own."""
    found: dict[str, type[CanfuseError]] = {}
    waiting: list[type[CanfuseError]] = CanfuseError.__subclasses__()
    while waiting:
        kind = waiting.pop(0)
        if "slug" in vars(kind):
            found.setdefault(kind.slug, kind)
        waiting += kind.__subclasses__()
    return found
