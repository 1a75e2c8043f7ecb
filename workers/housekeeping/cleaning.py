"""Finds what may go and takes it away: when asked to, and by itself from time to time."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from ml.errors import CanfuseError, Conflict
from ml.files import write_atomically
from workers.housekeeping import files, jobs
from workers.housekeeping.waste import Waste
from workers.jobs import JobStore
from workers.locking import FolderLock
from workers.settings import Settings

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 60.0
_HOUR_SECONDS = 3600.0


def hold_house(settings: Settings) -> FolderLock:
    """Hold the house for one who cleans or backs up.

    Raises:
        Conflict: somebody else does just now.
    """
    taken = Conflict(
        f"{settings.home} is being cleaned or backed up.", "Try again when it is done."
    )
    return FolderLock(_folder(settings) / "lock", taken)


def clean(store: JobStore, settings: Settings, *, dry_run: bool = False) -> list[Waste]:
    """Take away what the settings no longer keep, and say what that was.

    Nothing goes that an alias points at, that another release was built upon, or that a job which
    has not ended uses.

    Args:
        store: the job store.
        settings: how long what is kept.
        dry_run: only say what would go.

    Raises:
        Conflict: it is being cleaned already.
    """
    with hold_house(settings):
        gone: list[Waste] = []
        for part in (jobs, files):
            for waste in list(part.find(store, settings)):
                if dry_run or part.remove(store, settings, waste):
                    gone.append(waste)
                    _tell(waste, dry_run=dry_run)
        return gone


class Housekeeper:
    """Cleans from time to time; of several that share a home, whoever comes first."""

    def __init__(self, store: JobStore, settings: Settings) -> None:
        self._store, self._settings = store, settings
        self._stamp = _folder(settings) / "cleaned"

    def run(self, stop: threading.Event) -> None:
        """Clean whenever it is due, until told to stop."""
        if not self._settings.clean_hours:
            return
        while not stop.wait(min(_LOOK_SECONDS, self._settings.clean_hours * _HOUR_SECONDS)):
            try:
                self.once()
            except Conflict:
                _log.debug("another one cleans")
            except CanfuseError as error:
                _log.warning("cleaning waits: %s", error)
            except Exception:  # noqa: BLE001 - a worker must not end because of it
                _log.exception("cleaning stumbled")

    def once(self) -> list[Waste]:
        """Clean if that is due."""
        if _age(self._stamp) < self._settings.clean_hours * _HOUR_SECONDS:
            return []
        gone = clean(self._store, self._settings)
        # Not before: whoever was kept from it tries again soon, and a full disk takes no file.
        write_atomically(self._stamp, b"")
        return gone


def _tell(waste: Waste, *, dry_run: bool) -> None:
    facts = {"kind": waste.kind, "name": waste.name, "bytes": waste.size, "why": waste.why}
    _log.info("would be removed" if dry_run else "removed", extra=facts)


def _folder(settings: Settings) -> Path:
    return settings.home / "housekeeping"


def _age(stamp: Path) -> float:
    return time.time() - stamp.stat().st_mtime if stamp.exists() else float("inf")
