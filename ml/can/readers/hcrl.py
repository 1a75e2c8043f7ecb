"""The HCRL logs: Car-Hacking and Survival CSV, and the text layout of their normal runs and OTIDS.

CSV: `timestamp,hexid,dlc,b0,…,b[dlc-1],R|T`, T marking an injected frame; as many bytes as the
length says. Text: `Timestamp: … ID: 0316    000    DLC: 8    05 20 …`, where the field after the
id is 100 for a remote frame; some files end a line with the R|T mark.
"""

from __future__ import annotations

import re

import polars as pl

from ml.can.frames import Flag
from ml.can.readers.fields import data_problem, id_problem, time_problem
from ml.can.readers.formats import TextFormat


def _refine_csv(groups: pl.DataFrame) -> pl.DataFrame:
    return groups.with_columns(
        pl.lit(0, pl.UInt8).alias("flags"),
        pl.col("dlc").cast(pl.UInt8, strict=False),
        pl.col("data").str.replace_all(",", "", literal=True),
        (pl.col("mark") == "T").cast(pl.UInt8).alias("label"),
    )


def _refine_text(groups: pl.DataFrame) -> pl.DataFrame:
    remote = pl.col("kind").str.starts_with("1")
    data = pl.col("data").str.replace_all(" ", "", literal=True)
    return groups.with_columns(
        pl.when(remote).then(int(Flag.REMOTE)).otherwise(0).cast(pl.UInt8).alias("flags"),
        pl.col("dlc").cast(pl.UInt8, strict=False),
        pl.when(remote).then(pl.lit("")).otherwise(data).alias("data"),
        pl.when(pl.col("mark").is_not_null())
        .then(pl.col("mark") == "T")
        .cast(pl.UInt8)
        .alias("label"),
    )


def _problem(groups: dict[str, str]) -> str | None:
    remote = groups.get("kind", "0").startswith("1")
    data = groups["data"].replace(",", " ")
    return (
        time_problem(groups["time"])
        or id_problem(groups["id"])
        or (None if remote else _separate_bytes(data) or data_problem(data, dlc=groups["dlc"]))
        or _mark_problem(groups["mark"])
    )


def _separate_bytes(data: str) -> str | None:
    odd = next((byte for byte in data.split() if len(byte) != 2), None)
    return None if odd is None else f"the payload byte {odd[:40]!r} is not two hex digits"


def _mark_problem(mark: str) -> str | None:
    return None if mark else "the mark R or T at the end is missing"


HCRL_CSV = TextFormat(
    name="hcrl-csv",
    shape="timestamp,id,length,byte,…,R|T",
    pattern=(
        r"^[ \t]*(?P<time>[0-9.eE+-]+),(?P<id>[0-9A-Fa-f]+),(?P<dlc>[0-9]),"
        r"(?P<data>(?:[0-9A-Fa-f]{2},)*)(?P<mark>[RT])[, \t]*$"
    ),
    signature=re.compile(
        r"(?P<time>[^,]*),(?P<id>[^,]*),(?P<dlc>[^,]{1,3})(?P<data>(?:,[^,RT]*)*)(?P<mark>[RT]?),*$"
    ),
    header=re.compile(r"timestamp\s*,.*\b(flag|label)$", re.IGNORECASE),
    refine=_refine_csv,
    problem=_problem,
)

HCRL_TEXT = TextFormat(
    name="hcrl-text",
    shape="Timestamp: … ID: … 000 DLC: … bytes",
    pattern=(
        r"^[ \t]*Timestamp:[ \t]*(?P<time>[0-9.eE+-]+)[ \t]+ID:[ \t]*(?P<id>[0-9A-Fa-f]+)[ \t]+"
        r"(?P<kind>[01]{3})[ \t]+DLC:[ \t]*(?P<dlc>[0-9])[ \t]*"
        r"(?P<data>(?:[0-9A-Fa-f]{2} *)*)(?:(?P<mark>[RT])[ \t]*)?$"
    ),
    signature=re.compile(
        r"Timestamp:\s*(?P<time>\S+)\s+ID:\s*(?P<id>\S+)\s+(?P<kind>\S+)\s+"
        r"DLC:\s*(?P<dlc>\S+)(?P<data>[^RT]*)(?P<mark>[RT]?)$"
    ),
    refine=_refine_text,
    problem=lambda groups: _problem({**groups, "mark": groups["mark"] or "R"}),
)
