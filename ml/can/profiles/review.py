"""Whether an enrolment is fit to judge a car by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ml.can.frames import Frames
from ml.can.profiles.profile import VehicleProfile

SHORT_SECONDS = 10.0
LEAST_SECONDS = 1.0


@dataclass(frozen=True)
class Finding:
    """One thing about an enrolment that its operator has to know.

    Attributes:
        severity: a `refusal` means that the profile would be worth nothing.
        code: stable machine-readable name.
        detail: one sentence that says what was found.
        fix: one sentence that says what to do.
    """

    severity: Literal["warning", "refusal"]
    code: str
    detail: str
    fix: str


def review_enrolment(segments: Sequence[Frames], profile: VehicleProfile) -> tuple[Finding, ...]:
    """Look for what makes an enrolment misleading."""
    findings = []
    if profile.seconds < SHORT_SECONDS:
        findings.append(
            Finding(
                "refusal" if profile.seconds < LEAST_SECONDS else "warning",
                "too-short",
                f"The enrolment has only {profile.seconds:.1f} seconds of traffic.",
                "Give about 30 seconds of benign traffic.",
            )
        )
    return tuple(findings)
