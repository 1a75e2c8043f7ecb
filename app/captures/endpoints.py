"""Captures and datasets: look in, convert, find."""

from __future__ import annotations

from pathlib import Path as FilePath
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from app.auth import guard
from app.bodies import media_type
from app.captures.schemas import CaptureFacts, DatasetView
from app.captures.service import convert, describe, facts
from app.logs import LOG_TYPES, check_type, log_content
from app.state import Services, TheServices
from ml.can.datasets import dataset_names, find_dataset
from ml.can.readers import Log, parse_log

router = APIRouter(tags=["captures"])

Lenient = Annotated[bool, Query(description="Drop bad lines and count them.")]
_BODY: dict[str, Any] = {"requestBody": {"required": True, "content": log_content()}}
_SUFFIXES = {"parquet": ".parquet", "arrow": ".arrow", "candump": ".log"}
_TYPES = {
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.file",
    "candump": "text/plain",
}
_PROBLEMS = (413, 415, 429)


@router.post(
    "/captures/inspect",
    summary="Look into a log",
    openapi_extra=_BODY,
    **guard("score", *_PROBLEMS),
)
async def inspect_capture(
    request: Request, services: TheServices, lenient: Lenient = False
) -> CaptureFacts:
    """Read a log of any known format and tell what is in it: frames, identifiers, time, labels."""
    body = await _body(request, services)
    return await services.gate.run(lambda: facts(_read(services, body, lenient)))


@router.post(
    "/captures/convert",
    summary="Convert a log",
    response_class=Response,
    openapi_extra=_BODY,
    **guard("score", *_PROBLEMS),
)
async def convert_capture(
    request: Request,
    services: TheServices,
    to: Annotated[Literal["parquet", "arrow", "candump"], Query(description="The format wanted.")],
    lenient: Lenient = False,
) -> Response:
    """Read a log of any known format and send it back as another; only candump loses labels."""
    body = await _body(request, services)

    def work() -> bytes:
        with TemporaryDirectory(prefix="canfuse-") as folder:
            return convert(_read(services, body, lenient), _SUFFIXES[to], FilePath(folder))

    name = f'attachment; filename="capture{_SUFFIXES[to]}"'
    content = await services.gate.run(work)
    return Response(content, media_type=_TYPES[to], headers={"Content-Disposition": name})


@router.get("/datasets", summary="List datasets", **guard("read"))
def list_datasets(services: TheServices) -> list[str]:
    """The names of the datasets in the service's data directories."""
    return dataset_names(services.settings.data_dirs)


@router.get("/datasets/{name}", summary="Show a dataset", **guard("read", 404))
def show_dataset(
    services: TheServices,
    name: Annotated[str, Path(description="A name, or several joined by commas.", max_length=512)],
) -> DatasetView:
    """The dataset's splits and captures; of captures with equal content one is kept."""
    return describe(find_dataset(name, services.settings.data_dirs, needs=()))


async def _body(request: Request, services: Services) -> bytes:
    check_type(media_type(request), LOG_TYPES)
    services.gate.check()
    return await request.body()


def _read(services: Services, body: bytes, lenient: bool) -> Log:
    return parse_log(body, strict=not lenient, max_frames=services.settings.max_rows)
