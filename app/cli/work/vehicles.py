"""`canfuse enrol` and `canfuse vehicles`: in the local store, or at a service."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.text import Text

from app.cli.places import load_settings
from app.cli.terminal import note, say, show, table, warn, write
from app.cli.work.remote import connected
from app.cli.work.vehicle_places import LocalPlace, Place, RemotePlace, Wanted
from ml.can.profiles.card import check_vehicle
from ml.can.profiles.store import ProfileStore
from ml.can.readers import read_log
from ml.errors import CanfuseError

SHOWN_IDS = 200
_KINDS = {
    "constant": "dim",
    "state": "yellow",
    "counter": "cyan",
    "checksum": "magenta",
    "sensor": "green",
}
_STYLES = {"refusal": "red", "warning": "yellow"}


@contextmanager
def place(home: Path | None, url: str | None, api_key: str | None) -> Iterator[Place]:
    """Where the vehicles are: at a service if one is named, else in the local store."""
    if url is None:
        yield LocalPlace(ProfileStore(load_settings(home).workspace.vehicles))
        return
    with connected(url, api_key) as client:
        yield RemotePlace(client)


def enrol(
    vehicles: Place,
    vehicle: str,
    logs: Sequence[Path],
    *,
    seconds: float | None,
    accept_findings: bool,
    lenient: bool,
    as_json: bool,
) -> None:
    """Enrol a vehicle with logs and tell what was found in them.

    Raises:
        InvalidInput: the traffic will not do.
    """
    check_vehicle(vehicle)
    found = [read_log(path, strict=not lenient) for path in logs]
    for path, log in zip(logs, found, strict=True):
        if log.report.dropped:
            warn(f"{path}: {log.report.dropped} of {log.report.lines} lines were bad.")
    source = ", ".join(path.name for path in logs)
    wanted = Wanted(vehicle, [log.frames for log in found], source, seconds, accept_findings)
    try:
        card = vehicles.enrol(wanted)
    except CanfuseError as error:
        _show_findings(error.extra.get("findings") or [])
        raise
    if as_json:
        write(json.dumps(card, indent=1) + "\n")
        return
    _show_card(card)
    _show_findings(card["findings"])


def list_vehicles(vehicles: Place, *, as_json: bool) -> None:
    """List the enrolled vehicles."""
    found = vehicles.list()
    if as_json:
        write(json.dumps(found, indent=1) + "\n")
        return
    made = table(
        "Vehicle", "Profile", "Enrolled", "Findings", "Seconds", "Frames", "Ids", numbers=3
    )
    for card in found["vehicles"]:
        codes = ", ".join(finding["code"] for finding in card["findings"])
        figures = (f"{card['seconds']:.1f}", str(card["frames"]), str(card["ids"]))
        made.add_row(card["vehicle"], card["version"], _date(card), codes, *figures)
    show(made)
    for damaged in found["unreadable"]:
        warn(f"{damaged['reason']} Enrol it again.")
    if found["release"]:
        own = ", ".join(found["release"]["vehicles"]) or "none"
        note(f"Release {found['release']['release']} brings its own: {own}.")


def show_vehicle(vehicles: Place, vehicle: str, *, as_json: bool) -> None:
    """Tell about a vehicle and what was learnt of it."""
    details, learnt = vehicles.details(vehicle), vehicles.learnt(vehicle)
    if as_json:
        write(json.dumps({**details, "learnt": learnt}, indent=1) + "\n")
        return
    _show_card(details)
    say(f"Versions   {', '.join(v['version'] for v in details['versions'])}")
    _show_findings(details["findings"])
    _show_ids(learnt["ids"])


def delete(vehicles: Place, vehicle: str) -> None:
    """Delete a vehicle."""
    vehicles.delete(vehicle)
    say(f"Vehicle {vehicle} is deleted.")


def _show_card(card: dict[str, Any]) -> None:
    rate = f", {card['frame_rate']:.0f} a second" if card["frame_rate"] else ""
    say(f"Vehicle    {card['vehicle']}, enrolled {_date(card)}")
    say(f"Profile    {card['version']}, from {card['source']}")
    say(f"Learnt in  {card['seconds']:.1f} s: {card['frames']} frames{rate}, {card['ids']} ids")


def _show_findings(findings: Sequence[dict[str, Any]]) -> None:
    if not findings:
        return
    made = table("", "Found", "What to do")
    for finding in findings:
        style = _STYLES.get(finding["severity"], "")
        mark = Text(finding["severity"], style=style)
        made.add_row(mark, Text(finding["detail"], style=style), finding["fix"])
    show(made)


def _show_ids(ids: Sequence[dict[str, Any]]) -> None:
    made = table("Id", "Bytes", "Carries", "Frames", "Period (ms)", "Jitter", numbers=3)
    for row in ids[:SHOWN_IDS]:
        period = "–" if row["period"] is None else f"{row['period'] * 1000:.1f}"
        jitter = "–" if row["jitter"] is None else f"{row['jitter']:.0%}"
        lengths = ", ".join(map(str, row["lengths"]))
        made.add_row(row["id"], lengths, _carries(row), str(row["frames"]), period, jitter)
    show(made)
    if len(ids) > SHOWN_IDS:
        say(f"… and {len(ids) - SHOWN_IDS} more; --json gives all.")


def _carries(row: dict[str, Any]) -> Text:
    """What its bytes are, as in `2 constant, sensor, counter`."""
    runs = [(kind, len(list(same))) for kind, same in groupby(b["kind"] for b in row["bytes"])]
    told = Text(", ").join(
        Text(kind if n == 1 else f"{n} {kind}", style=_KINDS.get(kind, "")) for kind, n in runs
    )
    return told.append("; checksum", style=_KINDS["checksum"]) if row["checksum"] else told


def _date(card: dict[str, Any]) -> str:
    return str(card["created_at"])[:19].replace("T", " ")
