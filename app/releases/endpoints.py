"""Releases and aliases: what there is, how good it is, which one serves."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import RedirectResponse

from app.auth import guard
from app.bodies import JsonBody, json_body, parse
from app.files import file_in, send_file
from app.releases.schemas import Aliases, AliasTarget, PolicyMap, ReleaseCard, ReleaseSummary
from app.state import Services, TheServices
from ml.errors import NotFound
from ml.releases.store import ALIAS

router = APIRouter(tags=["releases"])

Version = Annotated[str, Path(description="A version, its beginning, or an alias.", max_length=64)]
# A report shows its own pictures and styles, and does nothing else.
_REPORT_POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


@router.get("/releases", summary="List releases", **guard("read"))
def list_releases(services: TheServices) -> list[ReleaseSummary]:
    """Every release that can be read, the newest first."""
    store, aliases = services.releases, services.releases.aliases()
    return [ReleaseSummary.of(m, aliases, store.report(m.version)) for m in store.versions()]


@router.get("/releases/{version}", summary="Show a release", **guard("read", 404, 409))
def show_release(services: TheServices, version: Version) -> ReleaseCard:
    """The release's card: what it was made from, its figures and the policy's heat map."""
    store = services.releases
    manifest = store.manifest(version)
    card = ReleaseCard.of(manifest, store.aliases(), store.report(manifest.version))
    return card.model_copy(update={"policy": PolicyMap.read(store.path(manifest.version))})


@router.get("/releases/{version}/report", include_in_schema=False, **guard("read"))
def redirect_to_report(version: Version) -> Response:
    """The page's pictures are found relative to its folder."""
    return RedirectResponse(f"/releases/{version}/report/")


@router.get(
    "/releases/{version}/report/{path:path}",
    summary="Read a release's report",
    response_class=Response,
    **guard("read", 404, 416),
)
def send_report(services: TheServices, version: Version, path: str, request: Request) -> Response:
    """The report page (an empty path), or one of the files beside it."""
    page = services.releases.report(version)
    if page is None:
        raise NotFound(f"Release '{version}' has no report.", "Reports come with fusion jobs.")
    file = file_in(page.parent, path or page.name)
    return send_file(request, file, {"Content-Security-Policy": _REPORT_POLICY})


@router.get("/aliases", summary="List aliases", **guard("read"))
def list_aliases(services: TheServices) -> Aliases:
    """Which release each alias points at, and which one is loaded for scoring."""
    return _aliases(services)


@router.put(
    "/aliases/{name}",
    summary="Point an alias at a release",
    openapi_extra=json_body("AliasTarget"),
    **guard("admin", 404, 409, 413, 415),
)
def put_alias(
    services: TheServices, name: Annotated[str, Path(pattern=ALIAS, max_length=64)], body: JsonBody
) -> Aliases:
    """Move an alias, to roll out a release or to roll it back.

    The release is verified first, and for `production` loaded and tried out; it is in use within
    a second, and requests under way are finished by the release that began them.
    """
    target = parse(AliasTarget, body)
    if name == services.holder.alias:
        version = services.holder.load(target.release).version
    else:
        version = services.releases.verify(target.release).version
    services.releases.point(name, version)
    services.holder.nudge()
    return _aliases(services)


def _aliases(services: Services) -> Aliases:
    current, refused = services.holder.current, services.holder.refused
    return Aliases(
        aliases=services.releases.aliases(),
        in_use=current.version if current else None,
        refused=refused.reason if refused else None,
    )
