"""Which format a log is in, told by its content."""

from __future__ import annotations

import re

from ml.can.readers.formats import TextFormat
from ml.can.readers.problems import InvalidLog
from ml.can.readers.text import BOM, MAX_LINE_CHARS, TEXT_FORMATS

HEAD_BYTES = 64 * 2**10
SAMPLED_LINES = 100
MAGIC = {
    b"PAR1": "parquet",
    b"ARROW1": "arrow",
    b"LOGG": "blf",
    b"MDF ": "mf4",
    b"UnFinMF ": "mf4",
}
PACKED = {
    b"\x1f\x8b": "gzip",
    b"PK\3\4": "zip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"(\xb5/\xfd": "zstd",
}
SUPPORTED = (
    "can-train-and-test CSV, HCRL CSV and text, candump, Parquet, Arrow, ASC, BLF, TRC and MF4"
)


def detect(head: bytes, name: str) -> TextFormat | str:
    """Find the format of a log.

    Args:
        head: the first `HEAD_BYTES` of it.
        name: its name in messages.

    Returns:
        a text format, or the name of another format.

    Raises:
        InvalidLog: it is empty, binary or of no known format.
    """
    # As text: more characters are blank in it, and end lines, than in bytes.
    if not head.removeprefix(BOM).decode("utf-8", "replace").strip():
        raise InvalidLog(f"{name} is empty.", "Give a log with at least one CAN frame.", file=name)
    for magic, kind in MAGIC.items():
        if head.startswith(magic):
            return kind
    for magic, kind in PACKED.items():
        if head.startswith(magic):
            raise InvalidLog(f"{name} is packed with {kind}.", "Unpack it first.", file=name)
    lines = _first_lines(head, name)
    found = _vendor_text(lines[0]) or _most_frequent(lines)
    if found is None:
        raise InvalidLog(
            f"{name} is in no known log format; it begins {lines[0][:60]!r}.",
            f"Known are {SUPPORTED}.",
            file=name,
        )
    return found


def _first_lines(head: bytes, name: str) -> list[str]:
    if b"\0" in head:
        raise InvalidLog(
            f"{name} is binary data in no known log format.", f"Known are {SUPPORTED}.", file=name
        )
    text = head.removeprefix(BOM).decode("utf-8", "replace")
    lines = [line[:MAX_LINE_CHARS] for line in text.splitlines() if line.strip()]
    return lines[:SAMPLED_LINES]


def _most_frequent(lines: list[str]) -> TextFormat | None:
    """The format of most good lines; without any, of most that come near; the first of equals."""
    for fitting in (TextFormat.accepted, _resembling):
        votes = {f: fits for f in TEXT_FORMATS if any(fits := fitting(f, lines))}
        if votes:
            return max(votes, key=lambda f: (sum(votes[f]), -votes[f].index(True)))
    return None


def _resembling(fmt: TextFormat, lines: list[str]) -> list[bool]:
    return [fmt.resembles(line) for line in lines]


def _vendor_text(first_line: str) -> str | None:
    """ASC or TRC, told by the first line."""
    if first_line.startswith((";$", ";##")):
        return "trc"
    return "asc" if re.match(r"\s*(date|base)\s", first_line, re.IGNORECASE) else None
