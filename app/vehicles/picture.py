"""Draws what was learnt of a vehicle: a row an identifier, a field a byte."""

from __future__ import annotations

from html import escape

from app.vehicles.learnt import ByteKind, LearntId, LearntProfile

ROW, FIELD, LEFT, TOP = 18, 26, 250, 70
_BYTES = 8
_COLOURS: dict[ByteKind, str] = {
    "constant": "#e4e4e7",
    "state": "#facc15",
    "counter": "#38bdf8",
    "checksum": "#c084fc",
    "sensor": "#4ade80",
    "lively": "#fb923c",
}
_GREY = 'fill="#71717a"'
_HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
    'viewBox="0 0 {width} {height}" font-family="monospace" font-size="12">'
    '<rect width="100%" height="100%" fill="white"/>'
)


def picture(vehicle: str, learnt: LearntProfile) -> str:
    """The profile as an SVG image."""
    width, height = LEFT + _BYTES * FIELD + 190, TOP + ROW * (len(learnt.ids) + 1)
    title = f"{vehicle}: {len(learnt.ids)} identifiers in {learnt.seconds:.1f} s, {learnt.version}"
    parts = [_HEAD.format(width=width, height=height), _text(10, 22, title, 'font-size="15"')]
    parts += _legend()
    parts.append(_text(10, TOP - 6, _columns("identifier", "period", "jitter"), _GREY))
    parts += [_text(LEFT + n * FIELD + 9, TOP - 6, str(n), _GREY) for n in range(_BYTES)]
    for number, row in enumerate(learnt.ids):
        parts += _row(TOP + ROW * number, row)
    return "".join([*parts, "</svg>"])


def _legend() -> list[str]:
    parts, x = [], 10
    for kind, colour in _COLOURS.items():
        parts.append(f'<rect x="{x}" y="33" width="12" height="12" fill="{colour}"/>')
        parts.append(_text(x + 16, 43, kind))
        x += 30 + 8 * len(kind)
    return parts


def _row(y: int, row: LearntId) -> list[str]:
    period = "–" if row.period is None else f"{row.period * 1000:.1f} ms"
    jitter = "–" if row.jitter is None else f"{row.jitter:.0%}"
    parts = [_text(10, y + 13, _columns(row.id, period, jitter))]
    for place, byte in enumerate(row.bytes):
        told = f"byte {place}: {byte.kind}, {byte.low} to {byte.high}, {byte.values} values"
        parts.append(
            f'<rect x="{LEFT + place * FIELD}" y="{y}" width="{FIELD - 2}" height="{ROW - 2}" '
            f'fill="{_COLOURS[byte.kind]}"><title>{escape(told)}</title></rect>'
        )
    notes = [*(["checksum"] if row.checksum else []), *(f"with {c}" for c in row.companions)]
    return [*parts, _text(LEFT + _BYTES * FIELD + 10, y + 13, ", ".join(notes), _GREY)]


def _columns(name: str, period: str, jitter: str) -> str:
    return f"{name:<11}{period:>11}{jitter:>8}".replace(" ", "\u00a0")


def _text(x: int, y: int, text: str, style: str = "") -> str:
    return f'<text x="{x}" y="{y}" {style}>{escape(text)}</text>'
