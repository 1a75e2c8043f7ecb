"""Window graphs as tensors on a device, and batches of them as plain gathers."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ml.can.graphs import WindowGraphs


@dataclass(frozen=True)
class GraphBatch:
    """W window graphs with N nodes and E edges in all.

    Attributes:
        node: (N, F) float32 node features.
        node_label: (N,) float32, 1 where a frame of the node is an attack; zeros without labels.
        node_weight: (N,) float32, how much a node counts in training.
        node_ptr: (W + 1,) int64, window w has the nodes `node_ptr[w]:node_ptr[w + 1]`.
        edge_index: (2, E) int64.
        edge: (E, F) float32 edge features.
        edge_ptr: (W + 1,) int64.
        window: (W, F) float32 window features.
        label: (W,) float32, 1 for an attack; zeros where the traffic has no labels.
    """

    node: Tensor
    node_label: Tensor
    node_weight: Tensor
    node_ptr: Tensor
    edge_index: Tensor
    edge: Tensor
    edge_ptr: Tensor
    window: Tensor
    label: Tensor

    def __len__(self) -> int:
        return len(self.window)

    @staticmethod
    def of(graphs: WindowGraphs, node_weight: NDArray[np.floating] | None = None) -> GraphBatch:
        """Put graphs into tensors.

        Args:
            graphs: the windows.
            node_weight: (N,) how much a node counts in training; None where all count alike.
        """
        nodes, windows = len(graphs.node), len(graphs)
        label, attacks = graphs.label, graphs.attack_count
        return GraphBatch(
            node=torch.from_numpy(graphs.node),
            node_label=torch.zeros(nodes) if attacks is None else _floats(attacks > 0),
            node_weight=torch.ones(nodes) if node_weight is None else _floats(node_weight),
            node_ptr=torch.from_numpy(graphs.node_ptr),
            edge_index=torch.from_numpy(graphs.edge_index),
            edge=torch.from_numpy(graphs.edge),
            edge_ptr=torch.from_numpy(graphs.edge_ptr),
            window=torch.from_numpy(graphs.window),
            label=torch.zeros(windows) if label is None else _floats(label),
        )

    @property
    def device(self) -> torch.device:
        """Where the tensors lie."""
        return self.node.device

    @property
    def node_window(self) -> Tensor:
        """(N,) the window of each node."""
        return torch.repeat_interleave(
            torch.arange(len(self), device=self.device),
            self.node_ptr.diff(),
            output_size=len(self.node),
        )

    def to(self, device: torch.device | str) -> GraphBatch:
        """The same graphs on another device."""
        return GraphBatch(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})

    def take(self, windows: Tensor) -> GraphBatch:
        """The graphs of the given windows, in that order; windows has shape (B,), int64."""
        nodes, node_ptr = _ranges(self.node_ptr, windows)
        edges, edge_ptr = _ranges(self.edge_ptr, windows)
        moved = node_ptr[:-1] - self.node_ptr[windows]
        edge_moved = torch.repeat_interleave(moved, edge_ptr.diff(), output_size=len(edges))
        return GraphBatch(
            node=self.node[nodes],
            node_label=self.node_label[nodes],
            node_weight=self.node_weight[nodes],
            node_ptr=node_ptr,
            edge_index=self.edge_index[:, edges] + edge_moved,
            edge=self.edge[edges],
            edge_ptr=edge_ptr,
            window=self.window[windows],
            label=self.label[windows],
        )


def _floats(values: NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))


def _ranges(ptr: Tensor, windows: Tensor) -> tuple[Tensor, Tensor]:
    """Indices of the entries of the given windows, end to end, and where each window's begin."""
    counts = (ptr[1:] - ptr[:-1])[windows]
    new_ptr = torch.zeros(len(windows) + 1, dtype=torch.int64, device=ptr.device)
    torch.cumsum(counts, 0, out=new_ptr[1:])
    total = int(new_ptr[-1])
    shift = torch.repeat_interleave(ptr[windows] - new_ptr[:-1], counts, output_size=total)
    return torch.arange(total, device=ptr.device) + shift, new_ptr
