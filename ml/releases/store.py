"""The folder in which releases live."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ml.errors import CanfuseError, Conflict, InvalidInput, NotFound
from ml.files import folder_copy, write_atomically
from ml.releases.manifest import MANIFEST, Manifest, corrupt, read_manifest, verify

if TYPE_CHECKING:
    from ml.scoring import Scorer

# An alias is a name that no beginning of a version could be.
ALIAS = r"^[a-z][a-z0-9._-]*[g-z._-][a-z0-9._-]*$|^[g-z]$"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
VERSION = re.compile(r"[0-9a-f]{16}")
SHORTEST_PREFIX = 4


class NoRelease(NotFound):
    """Nothing has been published under that name yet."""

    slug = "no-release"


@dataclass(frozen=True)
class Incoming:
    """A release on the doorstep.

    Attributes:
        version: of the release.
        steps: what makes its folders appear, each in one step, the release itself last.
    """

    version: str
    steps: Sequence[Callable[[], None]]

    def enter(self) -> str:
        """Bring it in; gives its version."""
        for step in self.steps:
            step()
        return self.version


class ReleaseStore:
    """Releases by version, reports beside them, aliases that point.

    Layout: `<root>/<version>/…`, `<root>/aliases/<name>`, `<root>/../reports/<version>/…`.

    Args:
        root: the folder; made on first use.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.reports = root.parent / "reports"

    def publish(self, staged: Path, alias: str | None = None) -> str:
        """Bring a staged bundle into the store and point an alias at it, the alias last.

        Args:
            staged: see `add`.
            alias: the alias to move, if any.

        Returns:
            the version.
        """
        version = self.add(staged)
        if alias is not None:
            self.point(alias, version)
        return version

    def add(self, staged: Path) -> str:
        """Bring a staged bundle into the store; no alias points at it yet.

        Adding the same content twice is one release.

        Args:
            staged: a folder that `seal` made a bundle; a folder `report` beside it comes along.

        Returns:
            the version.
        """
        with self.incoming(staged) as release:
            return release.enter()

    @contextmanager
    def incoming(self, staged: Path) -> Iterator[Incoming]:
        """Copy a staged bundle, which takes a while, so that it can enter the store in no time.

        Nothing is left of it where it does not enter.

        Args:
            staged: see `add`.
        """
        version = verify(staged).version
        report = staged.parent / "report"
        with ExitStack() as stack:
            steps = [
                stack.enter_context(folder_copy(source, target))
                for source, target in (
                    (report, self.reports / version),
                    (staged, self.root / version),
                )
                if source.is_dir() and not target.exists()
            ]
            yield Incoming(version, steps)

    def versions(self) -> list[Manifest]:
        """Every readable release, newest first."""
        folders = [
            p for p in self.root.glob("*") if VERSION.fullmatch(p.name) and (p / MANIFEST).exists()
        ]
        manifests = [manifest for p in folders if (manifest := _readable(p))]
        return sorted(manifests, key=lambda m: m.created_at, reverse=True)

    def resolve(self, reference: str) -> str:
        """The version that an alias, a version or an unambiguous beginning of one means.

        Raises:
            NoRelease: there is none.
            InvalidInput: the reference is no name at all, or fits several versions.
        """
        _check_name(reference)
        alias = self.root / "aliases" / reference
        if alias.is_file():
            return _pointed_at(alias)
        if VERSION.fullmatch(reference) and (self.root / reference).is_dir():
            return reference
        fitting = [p.name for p in self.root.glob(f"{reference}*") if VERSION.fullmatch(p.name)]
        if len(reference) < SHORTEST_PREFIX or not fitting:
            raise NoRelease(
                f"There is no release '{reference}'.",
                "Train one with `POST /jobs/fusion` or `canfuse train fusion`.",
            )
        if len(fitting) > 1:
            raise InvalidInput(
                f"'{reference}' fits {len(fitting)} releases.", "Give more digits of the version."
            )
        return fitting[0]

    def path(self, reference: str) -> Path:
        """The release's folder."""
        return self.root / self.resolve(reference)

    def report(self, reference: str) -> Path | None:
        """The release's report page, if it has one."""
        page = self.reports / self.resolve(reference) / "index.html"
        return page if page.is_file() else None

    def manifest(self, reference: str) -> Manifest:
        """The release's card."""
        return read_manifest(self.path(reference))

    def verified(self, reference: str) -> Path:
        """The release's folder, every file of it checked."""
        self.verify(reference)
        return self.path(reference)

    def verify(self, reference: str) -> Manifest:
        """Check every file of the release, see `ml.releases.manifest.verify`."""
        return verify(self.path(reference))

    def load(self, reference: str, *, warm: bool = False) -> Scorer:
        """Verify a release and load it for scoring.

        Args:
            reference: an alias, a version or the beginning of one.
            warm: score a little traffic with it, so that the first request need not wait.

        Raises:
            ReleaseCorrupt: its files are not what it says, or cannot be what it says.
            Conflict: the release holds experts only.
        """
        from ml.scoring import Scorer  # noqa: PLC0415 - keeps torch out of programs that only look

        manifest = self.verify(reference)
        if manifest.kind != "fusion":
            raise Conflict(
                f"Release {manifest.version} holds experts only and cannot score.",
                "Train a fusion on them: `canfuse train fusion experts.release=…`.",
            )
        try:
            scorer = Scorer.load(self.root / manifest.version, manifest)
            if warm:
                scorer.warm()
        except Exception as error:
            # A bundle can be forged as a whole, and then anything may trip over what is in it.
            why = " ".join(str(error).split())[:200] or type(error).__name__
            raise corrupt(manifest.version, f"it cannot be loaded: {why}") from error
        return scorer

    def aliases(self) -> dict[str, str]:
        """Every alias and the version it points at."""
        files = [p for p in (self.root / "aliases").glob("*") if NAME.fullmatch(p.name)]
        return {p.name: _pointed_at(p) for p in sorted(files) if _points(p)}

    def point(self, alias: str, reference: str) -> None:
        """Move an alias, in one step.

        Raises:
            NoRelease: there is no such release.
            InvalidInput: the alias is no name, or could be taken for a version.
        """
        _check_name(alias)
        if not re.fullmatch(ALIAS, alias):
            raise InvalidInput(f"'{alias}' looks like a version.", "Choose a word as the alias.")
        write_atomically(self.root / "aliases" / alias, self.resolve(reference).encode())


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise InvalidInput(
            f"{name!r} names no release.",
            "Use lower-case letters, digits, '.', '_' and '-', at most 64.",
        )


def _points(alias: Path) -> bool:
    return VERSION.fullmatch(_content(alias)) is not None


def _pointed_at(alias: Path) -> str:
    if not _points(alias):
        raise NoRelease(
            f"The alias '{alias.name}' names no release.", "Point it at one: PUT /aliases/{name}."
        )
    return _content(alias)


def _content(alias: Path) -> str:
    with alias.open("rb") as file:
        return file.read(64).decode("ascii", "replace").strip()


def _readable(folder: Path) -> Manifest | None:
    try:
        return read_manifest(folder)
    except CanfuseError:
        return None
