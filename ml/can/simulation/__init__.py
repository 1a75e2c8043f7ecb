"""A simulated CAN bus: vehicles, their traffic, attacks on it, and datasets of all that."""

from ml.can.simulation.capture import Recording, record, vehicle_of
from ml.can.simulation.config import ATTACKS, Attack, SimulationConfig, validated
from ml.can.simulation.dataset import plan_captures, simulate_dataset

__all__ = [
    "ATTACKS",
    "Attack",
    "Recording",
    "SimulationConfig",
    "plan_captures",
    "record",
    "simulate_dataset",
    "validated",
    "vehicle_of",
]
