"""How a configuration is declared: a frozen dataclass that refuses what it does not know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar, cast, dataclass_transform

from pydantic import ConfigDict

T = TypeVar("T", bound=type[Any])


@dataclass_transform(kw_only_default=True, frozen_default=True)
def config(cls: T) -> T:
    """Declare a configuration class.

    Fields are keyword-only and frozen; validation by pydantic (see `ml.pipelines.registry`) refuses
    unknown fields, so that a misspelt option is an error and never a silent default.
    """
    cls.__pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)
    return cast("T", dataclass(frozen=True, kw_only=True)(cls))
