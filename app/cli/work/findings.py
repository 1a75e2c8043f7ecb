"""What `canfuse verify` looks at, one thing each."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from app.settings import Settings
from ml.can.datasets import dataset_names
from ml.can.profiles.card import ProfileCorrupt
from ml.can.profiles.store import ProfileStore
from ml.releases import ReleaseStore
from workers.broker import EmbeddedBroker
from workers.broker_setup import answers, find_program, find_url
from workers.jobs import open_store

State = Literal["ok", "advice", "failed"]
NEEDED_GB = 2.0
LIBRARIES = (
    "torch",
    "torch-geometric",
    "pytorch-lightning",
    "polars",
    "fastapi",
    "celery",
    "sqlalchemy",
)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        state: "advice" where canfuse works but something may be missing.
        hint: what to do about it.
    """

    what: str
    state: State
    detail: str
    hint: str = ""


def installation(_: Settings) -> Finding:
    """The programs and libraries."""
    missing = [name for name in LIBRARIES if installed(name) is None]
    python = platform.python_version()
    if missing:
        return Finding(
            "Installation", "failed", f"missing: {', '.join(missing)}", "Install canfuse again."
        )
    import torch  # noqa: PLC0415 - a broken installation is a finding, not a crash at the start
    import torch_geometric  # noqa: F401, PLC0415 - as above

    return Finding(
        "Installation",
        "ok",
        f"canfuse {version('canfuse')}, Python {python}, torch {torch.__version__}",
    )


def gpu(_: Settings) -> Finding:
    """What torch can compute on."""
    import torch  # noqa: PLC0415 - as above

    if torch.cuda.is_available():
        names = (torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))
        return Finding("GPU", "ok", ", ".join(names))
    if shutil.which("nvidia-smi"):
        hint = "Install a build of torch with CUDA, from download.pytorch.org/whl, to use it."
        return Finding("GPU", "advice", "there may be one, but this torch cannot use it", hint)
    return Finding("GPU", "ok", f"none; training runs on {os.cpu_count()} CPU cores")


def storage(settings: Settings) -> Finding:
    """Whether the home can be written."""
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=settings.home):
            return Finding("Storage", "ok", f"{settings.home} can be written")
    except OSError as error:
        detail = f"{settings.home} cannot be written: {error.strerror}"
        return Finding(
            "Storage", "failed", detail, "Give write access, or choose another with --home."
        )


def space(settings: Settings) -> Finding:
    """Whether there is room."""
    place = next(p for p in (settings.home, *settings.home.parents) if p.exists())
    free = shutil.disk_usage(place).free / 1e9
    if free < NEEDED_GB:
        hint = f"Make room; a training needs about {NEEDED_GB:g} GB."
        return Finding("Disk space", "failed", f"{free:.1f} GB free", hint)
    return Finding("Disk space", "ok", f"{free:.0f} GB free")


def database(settings: Settings) -> Finding:
    """Whether the database opens."""
    store = open_store(settings)
    try:
        jobs = sum(store.counts().values())
    finally:
        store.engine.dispose()
    name = store.engine.url.render_as_string(hide_password=True)
    return Finding("Database", "ok", f"{name}, {jobs} jobs")


def broker(settings: Settings) -> Finding:
    """Whether a broker answers, or an embedded one starts."""
    if settings.redis_url:
        if answers(settings.redis_url):
            return Finding("Broker", "ok", "the one that CANFUSE_REDIS_URL names answers")
        hint = "Start it, or unset CANFUSE_REDIS_URL for an embedded one."
        return Finding(
            "Broker", "failed", "the one that CANFUSE_REDIS_URL names does not answer", hint
        )
    if answers(find_url(settings.broker_folder)):
        return Finding("Broker", "ok", "embedded, running")
    with tempfile.TemporaryDirectory() as folder, EmbeddedBroker(Path(folder)):
        return Finding("Broker", "ok", f"embedded, starts ({find_program()})")


def datasets(settings: Settings) -> Finding:
    """Whether there is something to train on."""
    folders = ", ".join(map(str, settings.data_dirs)) or "no data directory"
    if names := dataset_names(settings.data_dirs):
        return Finding("Datasets", "ok", f"{', '.join(names)} in {folders}")
    hint = "Simulate one with `canfuse data simulate`, or name your folder by --data-dir."
    return Finding("Datasets", "advice", f"none in {folders}", hint)


def release(settings: Settings) -> Finding:
    """Whether there is something to score with, and it is whole."""
    store = ReleaseStore(settings.workspace.releases)
    if settings.release_alias not in store.aliases():
        hint = "Train one with `canfuse train fusion`; until then nothing can be scored."
        return Finding("Release", "advice", f"{settings.release_alias} points at none yet", hint)
    manifest = store.verify(settings.release_alias)
    return Finding(
        "Release", "ok", f"{settings.release_alias} is {manifest.version} ({manifest.name})"
    )


def vehicles(settings: Settings) -> Finding:
    """Which vehicles are enrolled, and whether their profiles are whole."""
    store = ProfileStore(settings.workspace.vehicles)
    names = store.names()
    damaged = [name for name in names if not _is_whole(store, name)]
    if damaged:
        hint = "Enrol these again with `canfuse enrol`, or delete them."
        return Finding("Vehicles", "failed", f"damaged: {', '.join(damaged)}", hint)
    if not names:
        hint = "Enrol yours with `canfuse enrol`, unless the release was trained on it."
        return Finding("Vehicles", "advice", "none is enrolled", hint)
    return Finding("Vehicles", "ok", f"{len(names)} enrolled: {', '.join(names[:10])}")


def _is_whole(store: ProfileStore, vehicle: str) -> bool:
    try:
        store.card(vehicle)
        store.load(vehicle)
    except ProfileCorrupt:
        return False
    return True


def service(settings: Settings) -> Finding:
    """Whether something listens where the service would."""
    address = f"{settings.host}:{settings.port}"
    try:
        with socket.create_connection((settings.host, settings.port), timeout=1):
            return Finding("Service", "ok", f"something listens at {address}")
    except OSError:
        return Finding("Service", "ok", f"not running; {address} is free for `canfuse up`")


def installed(library: str) -> str | None:
    """The version of a library, None where it is not installed."""
    try:
        return version(library)
    except PackageNotFoundError:
        return None
