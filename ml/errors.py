"""Errors that a user can act on.

Each says what is wrong and what to do. The HTTP face turns the families below into status codes,
the command line prints them as one line; neither needs to know the single errors.
"""

from typing import Any, ClassVar

EXIT_REFUSED = 3
"""Exit code of a program of ours that says itself why it does not do what it was asked for."""


class CanfuseError(Exception):
    """Base of every error meant for a user.

    Attributes:
        slug: stable machine-readable name of the error, part of the problem `type`.
        detail: one sentence that names what is wrong.
        hint: one sentence that says what to do about it, or "".
        extra: further JSON-able facts (file, line, allowed values, …).
    """

    slug: ClassVar[str] = "error"

    def __init__(self, detail: str, hint: str = "", **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint
        self.extra = extra

    def __str__(self) -> str:
        return f"{self.detail} {self.hint}".strip()

    def to_dict(self) -> dict[str, Any]:
        """The error as JSON-able fields: `type`, `detail`, `hint` and the extra facts."""
        return {"type": self.slug, "detail": self.detail, "hint": self.hint, **self.extra}


class InvalidInput(CanfuseError):
    """What was given cannot be used as it is."""

    slug = "invalid-input"


class NotFound(CanfuseError):
    """Something named does not exist."""

    slug = "not-found"


class Conflict(CanfuseError):
    """The request contradicts the present state."""

    slug = "conflict"


class Unavailable(CanfuseError):
    """A needed part is missing or taken just now."""

    slug = "unavailable"


class DiskFull(Unavailable):
    """There is no room left to write."""

    slug = "disk-full"


class OutOfMemory(Unavailable):
    """There is not enough memory for what was asked."""

    slug = "out-of-memory"


class Cancelled(CanfuseError):
    """The work was asked to stop and did."""

    slug = "cancelled"
