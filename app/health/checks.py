"""Looks at each part that the service needs."""

from __future__ import annotations

import shutil

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
        "scoring": scoring(services),
        "storage": _storage(services),
        "stopping": _stopping(services),
    }


def scoring(services: Services) -> Check:
    """Whether scorings come to an end; only a restart frees threads that hang."""
    seconds = services.settings.stuck_seconds
    if services.gate.stuck(seconds):
        return Check(ok=False, detail=f"No scoring has come to an end for {seconds:g} s.")
    return Check(ok=True, detail=f"{services.gate.running} scorings run.")


def _database(services: Services) -> Check:
    try:
        waiting = services.jobs.counts()["queued"]
    except Unavailable as error:
        return Check(ok=False, detail=error.detail)
    return Check(ok=True, detail=f"{waiting} jobs wait.")


def _broker(services: Services) -> Check:
    if answers(broker_url(services.settings), BROKER_SECONDS):
        return Check(ok=True, detail="The broker answers.")
    # Jobs are taken and kept in the database; what waits is rung for once the broker is back.
    detail = "The broker does not answer; jobs wait until it does."
    return Check(ok=False, needed=False, detail=detail)


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


def _storage(services: Services) -> Check:
    settings = services.settings
    try:
        free = shutil.disk_usage(settings.home).free
    except OSError as error:
        return Check(ok=False, detail=f"{settings.home} cannot be looked at: {error.strerror}.")
    if free < settings.min_free_bytes:
        needed = settings.min_free_bytes >> 20
        return Check(ok=False, detail=f"The disk is full: {free >> 20} MiB free, {needed} needed.")
    return Check(ok=True, detail=f"{free >> 20} MiB free.")


def _stopping(services: Services) -> Check:
    if services.stopping.is_set():
        return Check(ok=False, detail="The service is stopping; it takes nothing new.")
    return Check(ok=True, detail="The service is not stopping.")
