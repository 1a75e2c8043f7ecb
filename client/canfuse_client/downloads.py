"""Fetches files: whole or not at all, over as many connections as it takes."""

from __future__ import annotations

import os
import re
import secrets
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import httpx

from canfuse_client.connection import Connection, Order
from canfuse_client.errors import ClientError, UnexpectedAnswer, WrongUse
from canfuse_client.patience import Patience

_PART = re.compile(r"bytes (\d+)-\d+/(\d+)")
_NO_NAMES = {"", ".", ".."}


def place_in(folder: Path, path: str) -> Path:
    """The place of a file that the service names, below a folder.

    Raises:
        WrongUse: the name leads elsewhere, here or on another system.
    """
    names = path.split("/")
    if _NO_NAMES & set(names) or re.search(r"[\\:\0]", path):
        raise WrongUse(f"{path!r} leads out of the folder.", "Do not trust who named it.")
    return folder.joinpath(*names)


class Download:
    """One file on its way; what has arrived is kept when the connection breaks."""

    def __init__(self, connection: Connection, order: Order, target: Path) -> None:
        self._connection = connection
        self._patience = Patience(connection.retries)
        # Counted are the file's own bytes, not those of an encoding on the way.
        self._order = replace(order, headers={"Accept-Encoding": "identity"})
        self._target = target
        self._part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
        self._have = self._most = 0
        self._size: int | None = None
        self._tag = ""

    async def run(self) -> Path:
        """Fetch it; gives where it is."""
        do = self._connection.wire.do
        self._target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self._part.open("xb") as file:
                await self._fetch(file)
                file.flush()
                await do(lambda: os.fsync(file.fileno()))
            self._part.replace(self._target)
        finally:
            self._part.unlink(missing_ok=True)
        return self._target

    async def _fetch(self, file: BinaryIO) -> None:
        while True:
            try:
                return await self._receive(file)
            except ClientError as error:
                await self._connection.rest(self._patience, error)

    async def _receive(self, file: BinaryIO) -> None:
        wire = self._connection.wire
        async with self._connection.open(self._rest_of_it()) as answer:
            self._begin(answer, file)
            async with aclosing(wire.pieces(answer)) as pieces:
                async for piece in pieces:
                    await wire.do(lambda piece=piece: file.write(piece))  # type: ignore[misc]
                    self._count(len(piece))
        if self._size is not None and self._have != self._size:
            raise UnexpectedAnswer(
                f"{self._have} bytes came of a file of {self._size}.", "Fetch it again."
            )

    def _rest_of_it(self) -> Order:
        if not (self._have and self._tag):
            return self._order
        asked = {"Range": f"bytes={self._have}-", "If-Range": self._tag}
        return replace(self._order, headers={**self._order.headers, **asked})

    def _begin(self, answer: httpx.Response, file: BinaryIO) -> None:
        """Go on where the part begins, or from the start where the file has changed."""
        tag = answer.headers.get("ETag", "")
        if answer.status_code == httpx.codes.PARTIAL_CONTENT:
            part = _PART.fullmatch(answer.headers.get("Content-Range", ""))
            expected = (self._have, self._size, self._tag)
            if part is None or (int(part[1]), int(part[2]), tag) != expected:
                raise UnexpectedAnswer("Another part came than was asked for.", "Fetch it again.")
            return
        file.seek(0)
        file.truncate()
        length = answer.headers.get("Content-Length")
        self._have, self._size = 0, int(length) if length else None
        self._tag = "" if tag.startswith("W/") else tag  # a weak one does not vouch for each byte

    def _count(self, size: int) -> None:
        self._have += size
        if self._have > self._most:
            self._most = self._have
            self._patience.renew()
