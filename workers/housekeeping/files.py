"""Caches and releases that nobody uses any more, and what crashes left half-written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from ml.releases import Manifest, ReleaseStore
from ml.releases.store import SHORTEST_PREFIX
from workers.housekeeping.jobs import unfinished
from workers.housekeeping.waste import Waste, entries, is_older, names_in, take_away
from workers.jobs import JobStore
from workers.probe import FOLDER
from workers.settings import Settings

_HALF_WRITTEN = re.compile(r"\..+\.[0-9a-f]{8}")
# As in `ml.fusion.cache`, which brings libraries that a worker has no use for.
_CACHE_MANIFEST = "cache.json"
LEFTOVER_DAYS = 1.0


def find(store: JobStore, settings: Settings) -> Iterator[Waste]:
    """What of the files may go."""
    words = set().union(*map(names_in, unfinished(store)))
    if settings.keep_caches_days:
        yield from _caches(settings, words)
    if settings.keep_releases_days:
        yield from _releases(settings, words)
    yield from _leftovers(settings)


def remove(store: JobStore, settings: Settings, waste: Waste) -> bool:
    """Take it away, unless it came into use meanwhile."""
    if waste.kind != "leftover" and waste not in set(find(store, settings)):
        return False
    for path in waste.paths:
        take_away(path)
    return True


def _caches(settings: Settings, words: set[str]) -> Iterator[Waste]:
    why = f"was not used for over {settings.keep_caches_days:g} days"
    for file in sorted(settings.workspace.cache.glob(f"fusion/*/*/{_CACHE_MANIFEST}")):
        folder = file.parent
        datasets = {folder.parent.name, folder.parent.name.replace("+", ",")}
        if is_older(file, settings.keep_caches_days) and not datasets & words:
            yield Waste.of("cache", f"{folder.parent.name}/{folder.name}", (folder,), why)


def _releases(settings: Settings, words: set[str]) -> Iterator[Waste]:
    store = ReleaseStore(settings.workspace.releases)
    cutoff = datetime.now(UTC) - timedelta(days=settings.keep_releases_days)
    cards = {card.version: card for card in store.versions()}
    used = set(store.aliases().values())
    used |= {v for v in cards if any(_means(word, v) for word in words)}
    used |= {v for v, c in cards.items() if datetime.fromisoformat(c.created_at) > cutoff}
    why = f"is over {settings.keep_releases_days:g} days old, without alias, and not built upon"
    for version in sorted(set(cards) - _with_parents(used, cards)):
        paths = (store.root / version, store.reports / version)
        yield Waste.of("release", version, paths, why)


def _with_parents(versions: set[str], cards: dict[str, Manifest]) -> set[str]:
    parents = {p for v in versions if v in cards for p in cards[v].parents}
    return versions if parents <= versions else _with_parents(versions | parents, cards)


def _means(word: str, version: str) -> bool:
    return len(word) >= SHORTEST_PREFIX and version.startswith(word)


def _leftovers(settings: Settings) -> Iterator[Waste]:
    places = settings.workspace
    reports = places.releases.parent / "reports"
    folders = [places.releases, reports, places.jobs]
    folders += [path for path in places.cache.glob("fusion/*") if path.is_dir()]
    found = [entry for folder in folders for entry in entries(folder)]
    half_written = [path for path in found if _HALF_WRITTEN.fullmatch(path.name)]
    # Of pulses each host has a folder; it is written to every few seconds while that host works.
    for path in (*half_written, *entries(places.home / FOLDER)):
        if is_older(path, LEFTOVER_DAYS):
            why = "was left behind by a process that ended in the middle"
            yield Waste.of("leftover", path.relative_to(places.home).as_posix(), (path,), why)
