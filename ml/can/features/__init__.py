"""Features of nodes, edges and windows, all relative to the profile of the car."""

from ml.can.features.names import (
    EDGE_FEATURES,
    FAMILIES,
    NODE_FEATURES,
    RECORDED,
    WINDOW_FEATURES,
)

__all__ = ["EDGE_FEATURES", "FAMILIES", "NODE_FEATURES", "RECORDED", "WINDOW_FEATURES"]
