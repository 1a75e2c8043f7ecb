"""What can go wrong between a program and the service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from canfuse_client.models.jobs import Job


class ClientError(Exception):
    """Base of everything that this package raises on purpose.

    Attributes:
        detail: what is wrong.
        hint: what to do about it, or "".
    """

    def __init__(self, detail: str, hint: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.detail} {self.hint}".strip()


class WrongUse(ClientError, ValueError):
    """An argument cannot be used as it is; nothing was sent."""


class UnexpectedAnswer(ClientError):
    """What answers does not talk like a canfuse service."""


class Unreachable(ClientError):
    """The service does not listen, or the connection broke.

    Attributes:
        sent: whether the request may have reached the service.
    """

    def __init__(self, detail: str, hint: str = "", *, sent: bool) -> None:
        super().__init__(detail, hint)
        self.sent = sent


class Problem(ClientError):
    """The service refused a request: its problem document (RFC 9457).

    Attributes:
        status: HTTP status code.
        type: stable name of the problem, as in `/problems/queue-full`.
        title: what this type of problem is.
        request_id: what to name when asking for help; the service's log has it, too.
        retry_after: seconds after which asking again is worthwhile, where the service said so.
        extra: further members of the document, such as `errors`, one for each field at fault.
        answer_lost: whether an earlier try of the same request may have been carried out.
    """

    def __init__(
        self, status: int, document: Mapping[str, Any], retry_after: float | None = None
    ) -> None:
        known = {name: str(document.get(name, "")) for name in _MEMBERS}
        super().__init__(known["detail"], known["hint"])
        self.status = status
        self.type = known["type"] or "about:blank"
        self.title = known["title"]
        self.request_id = known["request_id"]
        self.retry_after = retry_after
        self.extra = {n: v for n, v in document.items() if n not in {*_MEMBERS, "status"}}
        self.answer_lost = False


class JobFailed(ClientError):
    """A job did not succeed.

    Attributes:
        job: the job as it ended.
    """

    def __init__(self, job: Job) -> None:
        error = job.error or {}
        super().__init__(
            f"Job {job.id} is {job.status}. {error.get('detail', '')}".strip(),
            str(error.get("hint", "")),
        )
        self.job = job


_MEMBERS = ("type", "title", "detail", "hint", "request_id")
