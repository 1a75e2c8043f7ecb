"""Checkpoints that may be damaged: what is whole is continued from, the rest is thrown away."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from typing_extensions import override

from ml.files import write_atomically

LAST, PREVIOUS = "last.ckpt", "previous.ckpt"

Warn = Callable[[str], None]


class CheckpointPairs(TorchCheckpointIO):
    """Keeps the checkpoint before the last, for when the last turns out to be damaged."""

    @override
    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        file = Path(path)
        if file.name == LAST and file.exists():
            file.replace(file.with_name(PREVIOUS))
        super().save_checkpoint(checkpoint, path, storage_options)


def furthest(folder: Path, warn: Warn) -> tuple[Path, dict[str, Any]] | None:
    """The checkpoint of a folder that is furthest on, and its content; None where none is whole.

    One whose best checkpoint is gone is of no use: the training might end with that one's weights.
    What cannot be continued from is deleted, so that nothing later takes it for good.
    """
    states = {file: _state(file) for file in folder.glob("*.ckpt")}
    for file in [file for file, state in states.items() if not state]:
        warn(f"The checkpoint {file.name} is damaged; going on from the one before.")
        file.unlink()
        del states[file]
    usable = {file: state for file, state in states.items() if best_of(state).exists()}
    if not usable:
        for file in states:
            file.unlink()
        return None
    file = max(usable, key=lambda f: (usable[f]["global_step"], f.name == LAST))
    return file, usable[file]


def best_of(state: Mapping[str, Any]) -> Path:
    """Where the best checkpoint lies, as a checkpoint knows it."""
    found = (s for s in _callbacks(state, "ModelCheckpoint") if s["monitor"])
    return Path(next(found)["best_model_path"])


def stopped_early(state: Mapping[str, Any]) -> bool:
    """Whether early stopping has ended the training with this checkpoint."""
    return any(s["stopped_epoch"] for s in _callbacks(state, "EarlyStopping"))


def write_weights(file: Path, weights: Mapping[str, Tensor]) -> None:
    """Write weights beside their digest, which the format lacks."""
    plain = {name: value.cpu().contiguous() for name, value in weights.items()}
    write_atomically(file, save(plain, {"sha256": _digest(plain)}))


def read_weights(file: Path, warn: Warn) -> dict[str, Tensor] | None:
    """Read what `write_weights` wrote; None where there is nothing, or nothing that is whole."""
    if not file.exists():
        return None
    try:
        with safe_open(file, "pt") as stored:
            weights = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - it is no mapping
            if (stored.metadata() or {}).get("sha256") == _digest(weights):
                return weights
    except (SafetensorError, UnicodeDecodeError):
        pass
    warn(f"The weights in {file.name} are damaged; going on from the last checkpoint.")
    return None


def _callbacks(state: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """What a checkpoint keeps of the callbacks of a class."""
    return [kept for key, kept in state["callbacks"].items() if key.partition("{")[0] == name]


def _digest(weights: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(weights[name].numpy().tobytes())
    return digest.hexdigest()


def _state(file: Path) -> dict[str, Any]:
    """What a checkpoint holds, nothing where it is damaged: torch itself checks no sums."""
    try:
        with zipfile.ZipFile(file) as archive:
            if archive.testzip() is not None:
                return {}
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    except Exception:  # noqa: BLE001 - there is no end to what a damaged file may raise
        return {}
    return state
