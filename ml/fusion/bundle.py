"""The fusion's part of a release bundle: calibrations, policy, threshold and rivals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from ml.evaluation.baselines import Baselines
from ml.experts.calibration import Calibration
from ml.fusion.config import FusionAgentConfig
from ml.fusion.policy import FusionPolicy, PolicyNetwork, load_policy, save_policy
from ml.fusion.state import Floats

FUSION = "fusion.json"


@dataclass(frozen=True)
class FusionParts:
    """What turns raw expert scores into a verdict.

    Attributes:
        calibrations: by expert name.
        threshold: the verdict line on the fused score.
        baselines: the fusion's rivals.
        policy: chooses alpha.
        usual_node: (F,) node features of an id that behaves as usual.
    """

    calibrations: Mapping[str, Calibration]
    threshold: float
    baselines: Baselines
    policy: FusionPolicy
    usual_node: Floats

    @staticmethod
    def load(folder: Path) -> FusionParts:
        """Read what `save_fusion` wrote."""
        values = json.loads((folder / FUSION).read_text())
        agent = TypeAdapter(FusionAgentConfig).validate_python(values["agent"])
        return FusionParts(
            calibrations={
                name: Calibration(**parts) for name, parts in values["calibrations"].items()
            },
            threshold=float(values["threshold"]),
            baselines=Baselines.from_dict(values["baselines"]),
            policy=load_policy(agent, folder),
            usual_node=np.array(values["usual_node"], np.float32),
        )


def save_fusion(
    folder: Path,
    calibrations: Mapping[str, Calibration],
    threshold: float,
    baselines: Baselines,
    agent: FusionAgentConfig,
    network: PolicyNetwork,
    usual_node: Floats,
) -> None:
    """Write `fusion.json`, the agent's weights and its heat map."""
    values = {
        "calibrations": {name: asdict(parts) for name, parts in calibrations.items()},
        "threshold": threshold,
        "baselines": baselines.to_dict(),
        "agent": asdict(agent),
        "usual_node": usual_node.tolist(),
    }
    (folder / FUSION).write_text(json.dumps(values, indent=1, allow_nan=False))
    save_policy(network, agent, folder)
