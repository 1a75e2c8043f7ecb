"""Sends files from a folder, and nothing from outside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fastapi import Request
from fastapi.responses import FileResponse, Response
from starlette.staticfiles import NotModifiedResponse

from ml.errors import NotFound


def file_in(folder: Path, relative: str) -> Path:
    """The file of that name in a folder.

    Raises:
        NotFound: there is none, or the name or a link in it leads out of the folder.
    """
    root = folder.resolve()
    try:
        path = (root / relative).resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        path = None
    if path is None or not path.is_relative_to(root) or not path.is_file():
        raise NotFound(
            f"There is no file '{relative}' here.", "List the files to see which there are."
        )
    return path


def files_in(folder: Path) -> list[Path]:
    """Every regular file below a folder, relative to it, in order of name; links are left out."""
    if not folder.is_dir():
        return []
    found = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    root = folder.resolve()
    return sorted(p.relative_to(folder) for p in found if p.resolve().is_relative_to(root))


def send_file(
    request: Request,
    path: Path,
    headers: Mapping[str, str] | None = None,
    media_type: str | None = None,
) -> Response:
    """Send a file, in ranges where asked for, and not again to who has it already."""
    response = FileResponse(path, headers=headers, media_type=media_type, stat_result=path.stat())
    response.headers["Cache-Control"] = "no-cache"  # ask each time, answer 304 while it is the same
    known = request.headers.get("if-none-match", "")
    if response.headers["etag"] in {tag.strip().removeprefix("W/") for tag in known.split(",")}:
        return NotModifiedResponse(response.headers)
    return response
