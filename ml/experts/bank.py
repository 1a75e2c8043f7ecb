"""The experts of one detector together: how they are trained, saved and loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter
from safetensors.torch import load_file, save_file

from ml.can.graphs import WindowGraphs
from ml.can.loading import LabelledCapture
from ml.can.splits import hold_out
from ml.can.windows import WindowConfig, window_overlap
from ml.config import config
from ml.context import Span
from ml.errors import InvalidInput
from ml.experts.batch import GraphBatch
from ml.experts.expert import Architecture, Expert, Size
from ml.experts.gat import GAT
from ml.experts.inference import node_scores, window_scores
from ml.experts.sampling import training_graphs
from ml.experts.training import ExpertTrainingConfig, train_expert
from ml.experts.vgae import VGAE

EXPERTS: Mapping[str, type[Expert]] = {expert.name: expert for expert in (VGAE, GAT)}
DESCRIPTION = "experts.json"


@config
class ExpertsConfig:
    """The experts of a fusion.

    Attributes:
        vgae: size of the graph auto-encoder.
        gat: size of the graph attention network.
        training: how both are trained.
        release: a release (alias or version) whose experts to use instead of training new ones.
    """

    vgae: Size = "small"
    gat: Size = "small"
    training: ExpertTrainingConfig = field(default_factory=ExpertTrainingConfig)
    release: str | None = None

    def architecture(self, name: str) -> Architecture:
        """The network shape chosen for an expert."""
        size: Literal["small", "large"] = getattr(self, name)
        return EXPERTS[name].sizes[size]


@dataclass(frozen=True)
class ExpertBank:
    """Trained experts.

    Attributes:
        experts: by name, as in `EXPERTS`.
    """

    experts: Mapping[str, Expert]

    def raw(self, graphs: WindowGraphs, batch_size: int = 64) -> dict[str, NDArray[np.float32]]:
        """Each expert's raw score of each window, (W,) float32: that of its oddest node."""
        scores = self.node_raw(graphs, batch_size)
        return {name: window_scores(own, graphs.node_ptr) for name, own in scores.items()}

    def node_raw(
        self, graphs: WindowGraphs, batch_size: int = 64
    ) -> dict[str, NDArray[np.float32]]:
        """Each expert's raw score of each node, (N,) float32."""
        batch = GraphBatch.of(graphs)
        return {
            name: node_scores(expert, batch, batch_size) for name, expert in self.experts.items()
        }

    @property
    def digest(self) -> str:
        """SHA-256 over every weight, as hex."""
        content = hashlib.sha256()
        for tensor in (t for e in self.experts.values() for t in e.state_dict().values()):
            content.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return content.hexdigest()

    def save(self, folder: Path) -> None:
        """Write `experts.json` and one safetensors file an expert."""
        description = {
            "experts": {name: dict(expert.hparams) for name, expert in self.experts.items()}
        }
        (folder / DESCRIPTION).write_text(json.dumps(description, indent=1))
        for name, expert in self.experts.items():
            tensors = {
                key: value.detach().cpu().contiguous() for key, value in expert.state_dict().items()
            }
            save_file(tensors, folder / f"{name}.safetensors")

    @staticmethod
    def load(folder: Path) -> ExpertBank:
        """Read what `save` wrote."""
        description = json.loads((folder / DESCRIPTION).read_text())
        experts: dict[str, Expert] = {}
        for name, hparams in description["experts"].items():
            shape = {key: hparams[key] for key in asdict(EXPERTS[name].sizes["small"])}
            architecture = TypeAdapter(Architecture).validate_python(shape)
            expert = EXPERTS[name](architecture, hparams["learning_rate"])
            expert.load_state_dict(load_file(folder / f"{name}.safetensors"))
            experts[name] = expert.eval().requires_grad_(requires_grad=False)
        return ExpertBank(experts)


def train_bank(
    captures: Sequence[LabelledCapture],
    experts: ExpertsConfig,
    window: WindowConfig,
    folder: Path,
    progress: Span,
    seed: int,
) -> ExpertBank:
    """Train every expert on the given captures.

    Args:
        captures: their labelled window graphs, with views; some windows are held out for early
            stopping.
        experts: which experts, and how to train them.
        window: how the windows were cut.
        folder: takes checkpoints and logs, one folder an expert.
        progress: where to report.
        seed: decides all randomness.

    Raises:
        InvalidInput: the windows hold no benign traffic or no attack.
        Cancelled: the run was asked to stop.
    """
    require_both_classes(captures)
    held = hold_out(
        [c.planned for c in captures], [c.label for c in captures], window_overlap(window)
    )
    train, validation = training_graphs(captures, held, experts.training.nodes_per_capture)
    if not 0 < int(train.label.sum()) < len(train.label):
        missing = "benign traffic" if train.label.any() else "attack"
        raise InvalidInput(
            f"Beside the enrolments and what is held out, no {missing} is left to train on.",
            "Add captures, or lower `enrolment.seconds`.",
        )
    trained: dict[str, Expert] = {}
    for n, (name, kind) in enumerate(EXPERTS.items()):
        torch.manual_seed(seed)
        expert = kind(experts.architecture(name), experts.training.learning_rate)
        span = progress.span(n / len(EXPERTS), (n + 1) / len(EXPERTS))
        trained[name] = train_expert(
            expert, train, validation, experts.training, folder / name, span, seed
        )
    return ExpertBank(trained)


def require_both_classes(captures: Sequence[LabelledCapture]) -> None:
    """Refuse training data that lacks attacks or benign traffic."""
    attacks = sum(int(c.label.sum()) for c in captures)
    if attacks == 0:
        raise InvalidInput(
            "The training captures hold no attack.", "Add labelled attacks to a `train_…` split."
        )
    if attacks == sum(len(c.label) for c in captures):
        raise InvalidInput(
            "The training captures hold no benign window.",
            "Add attack-free traffic to a `train_…` split.",
        )
