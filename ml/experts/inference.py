"""Scores of many windows' nodes, in batches that fit the device's memory."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ml.experts.batch import GraphBatch
from ml.experts.expert import Expert


@torch.inference_mode()
def node_scores(expert: Expert, graphs: GraphBatch, batch_size: int = 64) -> NDArray[np.float32]:
    """Score every node.

    Where the device runs out of memory the batch is halved, down to one window.

    Returns:
        (N,) float32 raw scores.
    """
    expert.eval()
    device = expert.device
    done: list[torch.Tensor] = []
    start = 0
    while start < len(graphs):
        windows = torch.arange(start, min(start + batch_size, len(graphs)))
        try:
            done.append(expert.node_score(graphs.take(windows).to(device)).cpu())
        except torch.OutOfMemoryError:
            if batch_size == 1:
                raise
            batch_size //= 2
            continue
        start += len(windows)
    return torch.cat(done).numpy() if done else np.empty(0, np.float32)


def window_scores(
    node_score: NDArray[np.float32], node_ptr: NDArray[np.int64]
) -> NDArray[np.float32]:
    """(W,) the score of each window's oddest node."""
    if len(node_ptr) < 2:
        return np.empty(0, np.float32)
    oddest: NDArray[np.float32] = np.maximum.reduceat(node_score, node_ptr[:-1])
    return oddest
