"""Sends files from a folder, and nothing from outside it."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from fastapi import Request
from fastapi.responses import FileResponse, Response
from starlette.datastructures import Headers
from starlette.staticfiles import NotModifiedResponse
from starlette.types import Message, Receive, Scope, Send

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


def files_in(folder: Path) -> list[tuple[Path, os.stat_result]]:
    """Every regular file below a folder, relative to it, in order of name; links are left out.

    Files that come and go meanwhile do no harm.
    """
    found = []
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            with contextlib.suppress(FileNotFoundError):
                facts = path.lstat()
                if stat.S_ISREG(facts.st_mode):
                    found.append((path.relative_to(folder), facts))
    return sorted(found, key=lambda entry: entry[0])


def send_file(
    request: Request,
    path: Path,
    headers: Mapping[str, str] | None = None,
    media_type: str | None = None,
) -> Response:
    """Send a file, in ranges where asked for, and not again to who has it already."""
    response = _Measured(path, headers=headers, media_type=media_type, stat_result=path.stat())
    response.headers["Cache-Control"] = "no-cache"  # ask each time, answer 304 while it is the same
    known = request.headers.get("if-none-match", "")
    if response.headers["etag"] in {tag.strip().removeprefix("W/") for tag in known.split(",")}:
        return NotModifiedResponse(response.headers)
    return response


class _AllSent(Exception):
    """What was announced is sent."""


class _Measured(FileResponse):
    """Sends as many bytes as it has announced, though the file may have grown since."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        left = 0

        async def send_measured(message: Message) -> None:
            nonlocal left
            if message["type"] == "http.response.start":
                left = int(Headers(raw=message["headers"])["content-length"])
                await send(message)
                return
            body = message["body"][:left]
            left -= len(body)
            more = message.get("more_body", False)
            await send({**message, "body": body, "more_body": more and left > 0})
            if more and left == 0:
                raise _AllSent  # or a file that grows quickly would be read for ever

        with contextlib.suppress(_AllSent):
            await super().__call__(scope, receive, send_measured)
