"""Looks at each part that the service needs."""

from __future__ import annotations

from app.health.schemas import Check
from app.state import Services
from ml.errors import Unavailable
from workers.broker_setup import answers, broker_url

BROKER_SECONDS = 1.0


def check_all(services: Services) -> dict[str, Check]:
    """The state of every part."""
    return {
        "database": _database(services),
        "broker": _broker(services),
        "release": _release(services),
    }


def _database(services: Services) -> Check:
    try:
        waiting = services.jobs.counts()["queued"]
    except Unavailable as error:
        return Check(ok=False, detail=error.detail)
    return Check(ok=True, detail=f"{waiting} jobs wait.")


def _broker(services: Services) -> Check:
    if answers(broker_url(services.settings), BROKER_SECONDS):
        return Check(ok=True, detail="The broker answers.")
    return Check(ok=False, detail="The broker does not answer; jobs wait until it does.")


def _release(services: Services) -> Check:
    """Not ready while a release that should be in use is not; none at all is how one begins."""
    holder = services.holder
    current, refused = holder.current, holder.refused
    if refused:
        kept = f"{current.version} stays in use" if current else "none is in use"
        detail = f"The release {refused.version} is refused, {kept}: {refused.reason}"
        return Check(ok=current is not None, detail=detail)
    if current is not None:
        return Check(ok=True, detail=f"The release {current.version} is in use.")
    if holder.alias in services.releases.aliases():
        return Check(ok=False, detail="The release is being loaded.")
    return Check(ok=True, detail="No release is published yet; nothing can be scored until one is.")
