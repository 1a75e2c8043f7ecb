"""What a simulated dataset looks like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, TypeAdapter, ValidationError

from ml.config import config
from ml.errors import InvalidInput

Attack = Literal["DoS", "fuzzing", "spoofing", "replay", "suppression", "masquerade"]
SHORTEST_BURST = 0.2  # seconds; some ten periods of an attacked message
ATTACKS: tuple[Attack, ...] = get_args(Attack)

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
VehicleName = Annotated[str, Field(pattern=r"^[a-z]{1,32}$")]


@config
class SimulationConfig:
    """A dataset of simulated drives: the same config gives the same bytes.

    Attributes:
        name: the dataset's name and its folder's.
        seed: decides the vehicles' design, their drives and the attacks.
        seconds: length of a capture.
        bursts: attack bursts a capture; benign driving stands before, between and after them.
        attack_share: part of an attacked capture's time that is under attack.
        jitter: standard deviation of a message's release time, as a share of its period.
        vehicles: names of the vehicles, letters only.
        hidden_vehicle: the one that occurs in test splits only.
        hidden_attack: the attack kind that occurs in test splits only.
    """

    name: Name = "simulated"
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    seconds: Annotated[float, Field(ge=5, le=3600)] = 15.0
    bursts: Annotated[int, Field(ge=1, le=20)] = 2
    attack_share: Annotated[float, Field(ge=0.05, le=0.4)] = 0.3
    jitter: Annotated[float, Field(ge=0, le=0.1)] = 0.02
    vehicles: Annotated[tuple[VehicleName, ...], Field(min_length=2, max_length=20)] = (
        "alder",
        "birch",
        "cedar",
    )
    hidden_vehicle: VehicleName = "cedar"
    hidden_attack: Attack = "masquerade"

    def __post_init__(self) -> None:
        """Check what no single field can show.

        Raises:
            InvalidInput: fields contradict each other.
        """
        if len(set(self.vehicles)) < len(self.vehicles):
            raise InvalidInput("A simulated vehicle is named twice.", "Name each vehicle once.")
        if self.hidden_vehicle not in self.vehicles:
            raise InvalidInput(
                f"The hidden vehicle '{self.hidden_vehicle}' is not one of the simulated vehicles.",
                f"Choose one of: {', '.join(self.vehicles)}.",
            )
        if self.seconds * self.attack_share < SHORTEST_BURST * self.bursts:
            raise InvalidInput(
                f"{self.bursts} attack bursts do not fit into {self.seconds:g} seconds.",
                f"Leave at least {SHORTEST_BURST} seconds for each: fewer bursts, longer captures "
                "or a larger attack share.",
            )

    @property
    def known_vehicles(self) -> tuple[str, ...]:
        """The vehicles that occur in train splits too."""
        return tuple(v for v in self.vehicles if v != self.hidden_vehicle)

    @property
    def known_attacks(self) -> tuple[Attack, ...]:
        """The attack kinds that occur in train splits too."""
        return tuple(a for a in ATTACKS if a != self.hidden_attack)


def validated(wanted: SimulationConfig | Mapping[str, Any]) -> SimulationConfig:
    """The config with every field checked against its range.

    Raises:
        InvalidInput: a field is unknown or out of range; it is named.
    """
    values = asdict(wanted) if isinstance(wanted, SimulationConfig) else dict(wanted)
    try:
        return TypeAdapter(SimulationConfig).validate_python(values)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise InvalidInput(
            f"The simulation cannot run with {'; '.join(problems)}.", "Correct these fields."
        ) from error
