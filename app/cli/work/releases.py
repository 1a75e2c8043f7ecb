"""`canfuse releases`: the local store."""

from __future__ import annotations

import json
import webbrowser
from pathlib import Path

import numpy as np
from rich.text import Text

from app.cli.places import load_settings
from app.cli.terminal import note, say, show, table, write
from ml.errors import NotFound
from ml.releases import ReleaseStore


def list_releases(home: Path | None) -> None:
    """List the releases, the newest first."""
    store = _store(home)
    pointed: dict[str, list[str]] = {}
    for alias, version in store.aliases().items():
        pointed.setdefault(version, []).append(alias)
    made = table("Version", "Kind", "Name", "Created", "Aliases")
    for m in store.versions():
        created = m.created_at[:19].replace("T", " ")
        made.add_row(m.version, m.kind, m.name, created, ", ".join(pointed.get(m.version, ())))
    show(made)
    note(f"In {store.root}.")


def show_release(reference: str, home: Path | None) -> None:
    """Print a release's card as JSON."""
    write(json.dumps(_store(home).manifest(reference).to_dict(), indent=1) + "\n")


def verify(reference: str, home: Path | None) -> None:
    """Check every file of a release."""
    manifest = _store(home).verify(reference)
    say(f"Release {manifest.version} is whole: {len(manifest.files)} files fit its manifest.")


def point(alias: str, reference: str, home: Path | None) -> None:
    """Move an alias."""
    store = _store(home)
    version = store.verify(reference).version
    before = store.aliases().get(alias)
    store.point(alias, version)
    was = f", before at {before}" if before and before != version else ""
    say(f"{alias} points at {version}{was}.")


def policy(reference: str, home: Path | None) -> None:
    """Print the learnt weights as a heat map."""
    store = _store(home)
    file = store.path(reference) / "policy.npy"
    if not file.is_file():
        raise NotFound(f"Release '{reference}' has no policy.", "Name a release of kind fusion.")
    alpha = np.load(file, allow_pickle=False)
    say("Alpha, the weight of the GAT's probability: from 0 (blue, trust the VGAE) to 1 (red).")
    say("Up: the GAT's probability. To the right: the VGAE's anomaly score. Each from 0 to 1.")
    for column in range(alpha.shape[1] - 1, -1, -1):
        show(Text.assemble(*(_cell(float(value)) for value in alpha[:, column])))


def report(reference: str, home: Path | None, *, browse: bool) -> None:
    """Print where a release's report is, and open it if that is wanted."""
    page = _store(home).report(reference)
    if page is None:
        raise NotFound(
            f"Release '{reference}' has no report.", "Reports come with fusion trainings."
        )
    say(str(page))
    if browse:
        webbrowser.open(page.as_uri())


def _cell(alpha: float) -> tuple[str, str]:
    red, blue = round(60 + 160 * alpha), round(220 - 160 * alpha)
    return f" {alpha:.2f} ", f"white on rgb({red},80,{blue})"


def _store(home: Path | None) -> ReleaseStore:
    return ReleaseStore(load_settings(home).workspace.releases)
