"""The fusion's part of a release bundle: calibrations, policy, threshold and rivals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from ml.evaluation.baselines import Baselines
from ml.experts.calibration import Calibration
from ml.fusion.config import FusionAgentConfig
from ml.fusion.policy import FusionPolicy, QNetwork, load_policy, save_policy

FUSION = "fusion.json"


@dataclass(frozen=True)
class FusionParts:
    """What turns raw expert scores into a verdict.

    Attributes:
        calibrations: by expert name.
        threshold: the verdict line on the fused score.
        baselines: the fusion's rivals.
        policy: chooses alpha.
    """

    calibrations: Mapping[str, Calibration]
    threshold: float
    baselines: Baselines
    policy: FusionPolicy

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
        )


def save_fusion(
    folder: Path,
    calibrations: Mapping[str, Calibration],
    threshold: float,
    baselines: Baselines,
    agent: FusionAgentConfig,
    network: QNetwork,
) -> None:
    """Write `fusion.json`, the agent's weights and its heat map."""
    values = {
        "calibrations": {name: asdict(parts) for name, parts in calibrations.items()},
        "threshold": threshold,
        "baselines": baselines.to_dict(),
        "agent": asdict(agent),
    }
    (folder / FUSION).write_text(json.dumps(values, indent=1, allow_nan=False))
    save_policy(network, agent, folder)
