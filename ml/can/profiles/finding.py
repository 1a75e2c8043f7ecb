"""What an enrolment's review has to say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One thing about an enrolment that its operator has to know.

    Attributes:
        severity: a `refusal` means that the profile would do harm or be worth nothing.
        code: stable machine-readable name.
        detail: one sentence that says what was found.
        fix: one sentence that says what to do.
    """

    severity: Literal["warning", "refusal"]
    code: str
    detail: str
    fix: str
