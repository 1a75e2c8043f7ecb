"""Vehicles: enrol them, see what was learnt of them, forget them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response, status

from app.auth import guard
from app.bodies import REF, media_type
from app.logs import LOG_TYPES, check_type, log_content
from app.scoring.traffic import Sent
from app.state import TheServices
from app.vehicles.enrolment import LONGEST_SECONDS, enrol
from app.vehicles.learnt import LearntProfile, learnt
from app.vehicles.picture import picture
from app.vehicles.schemas import EnrolledVehicle, VehicleDetails, VehicleList
from app.vehicles.service import details, listing
from ml.can.profiles.card import LONGEST_SOURCE, VEHICLE, VERSION

router = APIRouter(tags=["vehicles"])

_NEW = {"description": "The vehicle is new.", "model": EnrolledVehicle}
_PUT = guard("vehicles", 409, 413, 415, 429)
_PUT["responses"][status.HTTP_201_CREATED] = _NEW

Vehicle = Annotated[str, Path(pattern=f"^{VEHICLE}$", description="The vehicle's name.")]
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": REF.format(model="FrameColumns")}},
            **log_content(),
        },
    },
}


class SvgResponse(Response):
    """An SVG image."""

    media_type = "image/svg+xml"


@router.get("/vehicles", summary="List vehicles", **guard("read"))
def list_vehicles(services: TheServices) -> VehicleList:
    """The enrolled vehicles, and those that the release in use knows from its training."""
    return listing(services.vehicles.store, services.holder.current)


@router.get("/vehicles/{vehicle}", summary="Show a vehicle", **guard("read", 404, 409))
def show_vehicle(services: TheServices, vehicle: Vehicle) -> VehicleDetails:
    """An enrolled vehicle: its present profile's card, and the versions that are kept."""
    return details(services.vehicles.store, vehicle)


@router.get(
    "/vehicles/{vehicle}/profile", summary="Show what was learnt", **guard("read", 404, 409)
)
def show_profile(
    services: TheServices,
    vehicle: Vehicle,
    version: Annotated[
        str | None,
        Query(pattern=f"^{VERSION}$", description="A version; by default the present one."),
    ] = None,
) -> LearntProfile:
    """What was learnt of a vehicle: its identifiers, how often they come and what they carry."""
    return learnt(services.vehicles.store.load(vehicle, version))


@router.get(
    "/vehicles/{vehicle}/picture",
    summary="Draw what was learnt",
    response_class=SvgResponse,
    **guard("read", 404, 409),
)
def draw_profile(services: TheServices, vehicle: Vehicle) -> SvgResponse:
    """The same as an SVG image: a row an identifier, a field a byte."""
    drawn = picture(vehicle, learnt(services.vehicles.store.load(vehicle)))
    headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return SvgResponse(drawn, headers=headers)


@router.put(
    "/vehicles/{vehicle}/profile",
    summary="Enrol a vehicle",
    status_code=status.HTTP_200_OK,
    response_model=EnrolledVehicle,
    openapi_extra=_BODY,
    **_PUT,
)
async def put_profile(
    request: Request,
    services: TheServices,
    response: Response,
    vehicle: Vehicle,
    accept_findings: Annotated[
        bool, Query(description="Learn from traffic that looks attacked, too.")
    ] = False,
    seconds: Annotated[
        float | None,
        Query(gt=0, le=LONGEST_SECONDS, description="Use only so much of it, from the beginning."),
    ] = None,
    source: Annotated[
        str | None,
        Query(max_length=LONGEST_SOURCE, description="Where it comes from, for people."),
    ] = None,
    lenient: Annotated[bool, Query(description="Drop a log's bad lines and count them.")] = False,
) -> EnrolledVehicle:
    """Learn the vehicle's profile from its attack-free traffic, 30 seconds of it or more.

    The traffic comes in the forms that `POST /score` takes. Traffic of several states of the
    vehicle teaches more than as much of one; a pause of over 10 seconds separates recordings.

    201 for a new vehicle; 200 where its profile is replaced, of which older versions are kept.
    Scoring uses the new one at once. Traffic that is too short is refused, and so is, unless
    `accept_findings` is set, traffic that looks attacked: then `findings` of the problem tell why.
    """
    media = media_type(request)
    check_type(media, {"application/json", *LOG_TYPES})
    services.gate.check()
    sent = Sent(await request.body(), media, lenient, services.settings.max_rows)

    def work() -> tuple[EnrolledVehicle, bool]:
        frames, log = sent.frames()
        card, new = enrol(
            services.vehicles.store,
            vehicle,
            [frames],
            source=source or (f"{log.format} log" if log else "columns"),
            seconds=seconds,
            accept_findings=accept_findings,
        )
        return EnrolledVehicle.after(card, log), new

    enrolled, new = await services.gate.run(work)
    response.status_code = status.HTTP_201_CREATED if new else status.HTTP_200_OK
    return enrolled


@router.delete(
    "/vehicles/{vehicle}",
    summary="Forget a vehicle",
    status_code=status.HTTP_204_NO_CONTENT,
    **guard("vehicles", 404),
)
def delete_vehicle(services: TheServices, vehicle: Vehicle) -> None:
    """Delete all versions of its profile.

    Traffic that names it is refused from then on, unless the release in use was trained on a car
    of that name: then it is seen as that one, and the answer says so.
    """
    services.vehicles.store.delete(vehicle)
