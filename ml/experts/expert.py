"""What every expert is: a Lightning module that gives each node of a window one score."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from typing_extensions import override

from ml.batches import ResidentModule
from ml.config import config
from ml.experts.batch import GraphBatch

Size = Literal["small", "large"]
# Bounds what a release can make a service allocate.
Width = Annotated[int, Field(ge=1, le=1024)]


@config
class Architecture:
    """The shape of an expert's network.

    Attributes:
        hidden: width of a node's state.
        heads: attention heads a layer.
        layers: attention layers, 0 for none.
        latent: width of the code (VGAE) or of the last layer (GAT).
    """

    hidden: Width
    heads: Annotated[int, Field(ge=1, le=64)]
    layers: Annotated[int, Field(ge=0, le=16)]
    latent: Width

    @property
    def head(self) -> int:
        """Channels of one attention head; all heads together are a third of a state."""
        return max(self.hidden // (3 * self.heads), 4)


class Expert(ResidentModule):
    """A detector that can be trained on labelled window graphs.

    Attributes:
        name: short name, part of file names.
        column: name of its calibrated score.
        sizes: the network shapes to choose from.
        benign_only: True where training must see no attack.
    """

    name: ClassVar[str]
    column: ClassVar[str]
    sizes: ClassVar[Mapping[Size, Architecture]]
    benign_only: ClassVar[bool]

    def __init__(self, architecture: Architecture, learning_rate: float) -> None:
        super().__init__()
        self.save_hyperparameters({"learning_rate": learning_rate, **asdict(architecture)})
        self.learning_rate = learning_rate

    @abstractmethod
    def loss(self, batch: GraphBatch) -> Tensor:
        """Mean training loss of the batch, a scalar."""

    @abstractmethod
    def node_score(self, batch: GraphBatch) -> Tensor:
        """(N,) score of each node, any scale, higher is more of an attack. Deterministic."""

    def raw_score(self, batch: GraphBatch) -> Tensor:
        """(W,) score of each window: that of its oddest node, so that none drowns in an average."""
        lowest = batch.node.new_full((len(batch),), -torch.inf)
        return lowest.scatter_reduce(0, batch.node_window, self.node_score(batch), "amax")

    def prepare(self, graphs: GraphBatch) -> None:
        """Learn feature scales and the like from the training graphs, before training."""

    def settle(self, benign: GraphBatch) -> None:
        """Learn score scales from benign training graphs, after training."""

    @override
    def training_step(self, batch: GraphBatch, _: int) -> Tensor:
        loss = self.loss(batch)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(batch))
        return loss

    @override
    def validation_step(self, batch: GraphBatch, _: int) -> None:
        self.log("val_loss", self.loss(batch), on_epoch=True, batch_size=len(batch))

    @override
    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.learning_rate, weight_decay=1e-3)
        steps = max(int(self.trainer.estimated_stepping_batches), 1)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self.learning_rate, total_steps=steps
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
