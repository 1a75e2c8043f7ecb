"""can-train-and-test CSV: `timestamp,arbitration_id,data_field,attack`, ids and payloads as hex."""

from __future__ import annotations

import re

import polars as pl

from ml.can.readers.fields import data_problem, id_problem, time_problem
from ml.can.readers.formats import TextFormat


def _refine(groups: pl.DataFrame) -> pl.DataFrame:
    return groups.with_columns(
        pl.lit(0, pl.UInt8).alias("flags"),
        pl.col("data").fill_null(""),
        pl.col("label").cast(pl.UInt8, strict=False),
    )


def _problem(groups: dict[str, str]) -> str | None:
    label = groups["label"]
    bad_label = None if label in {"0", "1"} else f"the label {label[:40]!r} is neither 0 nor 1"
    return (
        time_problem(groups["time"])
        or id_problem(groups["id"])
        or data_problem(groups["data"])
        or bad_label
    )


CAN_TRAIN_AND_TEST = TextFormat(
    name="can-train-and-test",
    shape="timestamp,id,payload,label",
    pattern=(
        r"^[ \t]*(?P<time>[0-9.eE+-]+)[ \t]*,[ \t]*(?P<id>[0-9A-Fa-f]+)[ \t]*,"
        r"[ \t]*(?:(?P<data>(?:[0-9A-Fa-f]{2})+)[ \t]*)?,[ \t]*(?P<label>[01])[ \t]*$"
    ),
    signature=re.compile(r"(?P<time>[^,]*),(?P<id>[^,]*),(?P<data>[^,]*),(?P<label>[^,]*)$"),
    header=re.compile(
        r"timestamp\s*,\s*arbitration_id\s*,\s*data_field\s*,\s*attack$", re.IGNORECASE
    ),
    refine=_refine,
    problem=_problem,
)
