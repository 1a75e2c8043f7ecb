"""The folder in which the profiles of enrolled vehicles live."""

from __future__ import annotations

import fcntl
import re
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TypeVar

from ml.can.profiles import Finding, VehicleProfile
from ml.can.profiles.card import (
    VEHICLE,
    VERSION,
    NoVehicle,
    ProfileCard,
    ProfileCorrupt,
    card_bytes,
    card_of,
    check_vehicle,
    corrupt,
    read_card,
)
from ml.errors import CanfuseError, Conflict, InvalidInput, NotFound
from ml.files import write_atomically

KEPT_VERSIONS = 10
MOST_VEHICLES = 10_000
Cards = list[ProfileCard]
_CURRENT = "current"
_LOCK = ".lock"
_NAMED = 10
_Read = TypeVar("_Read")


class ProfileStore:
    """Profiles by vehicle and version, and which version is each vehicle's present one.

    Layout: `<root>/<vehicle>/<version>.safetensors`, the card beside it as JSON, and `current`,
    which holds a version. Safe to share between threads, and the folder between processes: a file
    `.lock` in it is held while it is written.

    Args:
        root: the folder; made on first use.
        keep: versions kept of a vehicle, the newest ones.
        most: vehicles taken.
    """

    def __init__(self, root: Path, keep: int = KEPT_VERSIONS, most: int = MOST_VEHICLES) -> None:
        self.root = root
        self.keep = keep
        self.most = most
        self._writing = Lock()

    def put(
        self, vehicle: str, profile: VehicleProfile, findings: Sequence[Finding], source: str
    ) -> tuple[ProfileCard, bool]:
        """Make a profile the vehicle's present one; older versions stay, the oldest go.

        Args:
            vehicle: its name.
            profile: what was learnt.
            findings: what was found in the traffic.
            source: where that came from, for people.

        Returns:
            Its card, and whether the vehicle is new.

        Raises:
            InvalidInput: the name is none.
            Conflict: there are too many vehicles.
        """
        folder = self._folder(vehicle)
        card = card_of(vehicle, profile, findings, source)
        content = _content(profile)
        self.root.mkdir(parents=True, exist_ok=True)
        with self._alone():
            self._check_room(folder)
            new = vehicle not in self
            write_atomically(folder / f"{card.version}.safetensors", content)
            write_atomically(folder / f"{card.version}.json", card_bytes(card))
            write_atomically(folder / _CURRENT, card.version.encode())
            self._prune(vehicle)
        return card, new

    def load(self, vehicle: str, version: str | None = None) -> VehicleProfile:
        """A vehicle's profile, by default its present one.

        Raises:
            NoVehicle, NotFound: there is none.
            ProfileCorrupt: the file is not what it says.
        """
        return self._read(vehicle, version, self._profile)

    def card(self, vehicle: str, version: str | None = None) -> ProfileCard:
        """The card of a vehicle's profile, by default of its present one.

        Raises:
            NoVehicle, NotFound: there is none.
            ProfileCorrupt: the file is not what it says.
        """
        return self._read(vehicle, version, self._card)

    def current(self, vehicle: str) -> str:
        """The version of a vehicle's present profile.

        Raises:
            NoVehicle: there is none.
            ProfileCorrupt: what should name it does not.
        """
        try:
            version = (
                (self._folder(vehicle) / _CURRENT).read_bytes()[:64].decode("ascii", "replace")
            )
        except (FileNotFoundError, NotADirectoryError):
            raise self._no_vehicle(vehicle) from None
        if not re.fullmatch(VERSION, version):
            raise corrupt(vehicle, f"'{_CURRENT}' names no version.")
        return version

    def versions(self, vehicle: str) -> Cards:
        """The cards of a vehicle's versions, the newest first; unreadable ones are left out.

        Raises:
            NoVehicle: there is none.
        """
        self.current(vehicle)
        cards = []
        for path in self._folder(vehicle).glob("*.safetensors"):
            if re.fullmatch(VERSION, path.stem):
                try:
                    cards.append(self.card(vehicle, path.stem))
                except NoVehicle:
                    raise  # deleted meanwhile
                except (ProfileCorrupt, NotFound):
                    continue  # damaged, or pruned meanwhile
        return sorted(cards, key=lambda card: card.created_at, reverse=True)

    def __contains__(self, vehicle: str) -> bool:
        return (self._folder(vehicle) / _CURRENT).is_file()

    def names(self) -> list[str]:
        """The vehicles that are enrolled, whether or not their files can be read."""
        found = (path.parent.name for path in self.root.glob(f"*/{_CURRENT}"))
        return sorted(name for name in found if re.fullmatch(VEHICLE, name))

    def delete(self, vehicle: str) -> None:
        """Forget a vehicle with all its versions, in one step.

        Raises:
            NoVehicle: there is none.
        """
        folder = self._folder(vehicle)
        grave = self.root / f".deleted-{uuid.uuid4().hex}"
        if not folder.exists():
            raise self._no_vehicle(vehicle)
        with self._alone():
            try:
                folder.rename(grave)
            except FileNotFoundError:
                raise self._no_vehicle(vehicle) from None
        for left in self.root.glob(".deleted-*"):  # this one, and any that a crash left
            shutil.rmtree(left, ignore_errors=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other threads and other processes from writing."""
        with self._writing, (self.root / _LOCK).open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # until it is closed
            yield

    def _read(self, vehicle: str, version: str | None, read: Callable[[str, str], _Read]) -> _Read:
        """Read a file of a version; once more where it may be that a writer came between."""
        try:
            return read(vehicle, self._kept(vehicle, version))
        except ProfileCorrupt:
            return read(vehicle, self._kept(vehicle, version))

    def _profile(self, vehicle: str, version: str) -> VehicleProfile:
        path = self._folder(vehicle) / f"{version}.safetensors"
        try:
            profile = VehicleProfile.load(path)
        except (CanfuseError, OSError) as error:
            raise corrupt(vehicle, f"{path.name}: {error}") from error
        if profile.version != version:
            raise corrupt(vehicle, f"{path.name} holds another profile than its name says.")
        return profile

    def _card(self, vehicle: str, version: str) -> ProfileCard:
        return read_card(self._folder(vehicle) / f"{version}.json", vehicle, version)

    def _prune(self, vehicle: str) -> None:
        folder, current = self._folder(vehicle), self.current(vehicle)
        kept = {card.version for card in self.versions(vehicle)[: self.keep]} | {current}
        for path in sorted(folder.glob("*.*")):  # a card goes before its profile, see `_kept`
            if re.fullmatch(VERSION, path.stem) and path.stem not in kept:
                path.unlink(missing_ok=True)

    def _check_room(self, folder: Path) -> None:
        if not folder.exists() and len(self.names()) >= self.most:
            raise Conflict(
                f"{self.most} vehicles are enrolled already.", "Delete one that is not needed."
            )

    def _no_vehicle(self, vehicle: str) -> NoVehicle:
        names = self.names()
        known = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
        return NoVehicle(
            f"No vehicle '{vehicle}' is enrolled; there {f'are {known}' if names else 'is none'}.",
            f"Enrol it with `canfuse enrol {vehicle} LOG` or PUT /vehicles/{vehicle}/profile.",
        )

    def _kept(self, vehicle: str, version: str | None) -> str:
        """A version of a vehicle that is kept, the present one where none is named."""
        current = self.current(vehicle)
        if version is None or version == current:
            return current
        if not re.fullmatch(VERSION, version):
            raise InvalidInput(
                f"{version[:80]!r} is no version of a profile.", "It has 16 hexadecimal digits."
            )
        if not (self._folder(vehicle) / f"{version}.json").exists():
            raise NotFound(
                f"Vehicle '{vehicle}' has no version {version}.",
                f"`canfuse vehicles show {vehicle}` lists those that are kept.",
            )
        return version

    def _folder(self, vehicle: str) -> Path:
        check_vehicle(vehicle)
        return self.root / vehicle


def _content(profile: VehicleProfile) -> bytes:
    with TemporaryDirectory(prefix="canfuse-") as folder:
        path = Path(folder) / "profile.safetensors"
        profile.save(path)
        return path.read_bytes()
