"""`POST /jobs/{kind}`: one address for each job kind there is, made from the kinds themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Header, Response

from app.auth import TheRights, guard
from app.bodies import JsonBody, json_body
from app.jobs.endpoints import TheJob
from app.jobs.openapi import submission_name
from app.jobs.schemas import JobView
from app.jobs.submission import retry, submit
from app.state import Services, TheServices
from ml.pipelines.registry import Pipeline, pipeline
from workers.queue import ring
from workers.records import Job

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Makes repeating this request harmless: the same key and body, the same job.",
    ),
]

_EXPLANATION = """

The answer comes at once; the work goes into the queue. Follow it at `links.events`.
The dataset is looked up and the configuration is checked before the job is accepted.
"""
_ALIAS_EXPLANATION = """
Its release enters service when the alias is pointed at it. Where the service has keys, that needs
the scope `admin`, as `PUT /aliases` does; with the scope `jobs` alone send `"alias": null`.
"""


def submit_router(kinds: Mapping[str, Pipeline]) -> APIRouter:
    """The addresses at which jobs are submitted."""
    router = APIRouter(prefix="/jobs", tags=["jobs"])
    for kind in kinds.values():
        router.add_api_route(
            f"/{kind.name}",
            _submitter(kind),
            methods=["POST"],
            status_code=202,
            name=f"submit_{kind.name}",
            summary=f"Submit a job of kind {kind.name}",
            description=kind.summary + _EXPLANATION + _alias_explanation(kind),
            response_description="The job, waiting; or the one that this key made before.",
            openapi_extra=json_body(submission_name(kind)),
            **guard("jobs", 404, 409, 413, 415, 429),
        )
    router.add_api_route(
        "/{job_id}/retry",
        retry_job,
        methods=["POST"],
        status_code=202,
        summary="Retry a job",
        response_description="The new job; or the one that repeats it already.",
        **guard("jobs", 403, 404, 409, 429),
    )
    router.add_api_route(
        "/{kind}", _unknown_kind, methods=["POST"], include_in_schema=False, **guard("jobs")
    )
    return router


def _submitter(kind: Pipeline) -> Callable[..., JobView]:
    def endpoint(
        services: TheServices,
        rights: TheRights,
        response: Response,
        background: BackgroundTasks,
        body: JsonBody,
        idempotency_key: IdempotencyKey = None,
    ) -> JobView:
        made = submit(services, rights, kind, body, idempotency_key)
        return _accepted(*made, services, response, background)

    return endpoint


def retry_job(
    services: TheServices,
    rights: TheRights,
    job: TheJob,
    response: Response,
    background: BackgroundTasks,
    idempotency_key: IdempotencyKey = None,
) -> JobView:
    """Run what failed or was cancelled again, as a new job that names the old one in `retry_of`.

    Asking again while that one has not ended yet answers with it; so does the same
    `Idempotency-Key`. A job that moves an alias needs the same scope as when it was submitted.
    """
    made = retry(services, rights, job, idempotency_key)
    return _accepted(*made, services, response, background)


def _accepted(
    job: Job, created: bool, services: Services, response: Response, background: BackgroundTasks
) -> JobView:
    if created:
        # After the answer: a broker that is down holds up nobody, a reconciler rings later.
        background.add_task(ring, job, services.settings)
    response.headers["Location"] = f"/jobs/{job.id}"
    return JobView.of(job, services.jobs.forecast().get(job.id))


def _alias_explanation(kind: Pipeline) -> str:
    return _ALIAS_EXPLANATION if "alias" in kind.config.__dataclass_fields__ else ""


def _unknown_kind(kind: str) -> None:
    pipeline(kind)  # says which kinds there are
