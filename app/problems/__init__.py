"""Every error as one problem document (RFC 9457)."""

from app.problems.document import PROBLEM_JSON, Problem, http_error, problem_response, problems
from app.problems.handlers import configure_problems, invalid_request

__all__ = [
    "PROBLEM_JSON",
    "Problem",
    "configure_problems",
    "http_error",
    "invalid_request",
    "problem_response",
    "problems",
]
