"""Unfolds bodies that are sent compressed, piece by piece, and stops at the limit of plain ones."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable
from typing import Protocol

from anyio.lowlevel import checkpoint
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.middleware.body_limit import CLOSE, BodyLimit

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PIECE_BYTES = 64 << 10
# Block-wise packers begin one for each 64 KiB; each takes its time, however little it holds.
MOST_MEMBERS = 10_000
# What RFC 9659 lets a sender ask a receiver to remember, so that a frame cannot ask for more.
_WINDOW = {int(zstd.DecompressionParameter.window_log_max): 23}


class Decoding:
    """Gives the application plain bodies, whatever coding of ours they came in.

    Attributes:
        limited: the application behind a limit, which what unfolds has to pass.
    """

    def __init__(self, app: ASGIApp, limited: Callable[[ASGIApp], BodyLimit]) -> None:
        self.app = app
        self.limited = limited(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, its body unfolded while it is read."""
        headers = MutableHeaders(raw=scope.get("headers", []))
        coding = headers.get("content-encoding", "identity").strip().lower()
        if coding == "identity":
            await self.app(scope, receive, send)
            return
        for name in ("content-encoding", "content-length"):
            del headers[name]
        await self.limited(scope, _Unfolded(receive, coding).receive, send)


class _Decoder(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


_DECODERS: dict[str, Callable[[], _Decoder]] = {
    "gzip": lambda: zlib.decompressobj(wbits=16 + zlib.MAX_WBITS),
    "zstd": lambda: zstd.ZstdDecompressor(options=_WINDOW),
}


class _Unfolded:
    """A compressed body on its way in.

    What is wrong with it is raised as FastAPI lets it pass while it reads a body.
    """

    def __init__(self, receive: Receive, coding: str) -> None:
        self._receive = receive
        self._coding = coding
        self._stream: _Stream | None = None
        self._more = True
        self._over = False

    async def receive(self) -> Message:
        if self._over:
            return await self._receive()  # only the client's going away
        stream = self._stream = self._stream or self._open()
        while not (piece := self._next(stream)) and self._more:
            message = await self._receive()
            if message["type"] != "http.request":
                return message
            stream.folded += message.get("body", b"")
            self._more = message.get("more_body", False)
        await checkpoint()  # a small body may hold a large one, and others want their turn
        self._over = not piece
        if self._over and not stream.whole:
            raise self._malformed()
        return {"type": "http.request", "body": piece, "more_body": not self._over}

    def _open(self) -> _Stream:
        if (make := _DECODERS.get(self._coding)) is None:
            known = ", ".join(_DECODERS)
            raise HTTPException(
                415,
                f"The body's Content-Encoding is {self._coding[:40]}, those read are {known}",
                {**CLOSE, "Accept-Encoding": known},
            )
        return _Stream(make)

    def _next(self, stream: _Stream) -> bytes:
        try:
            piece = stream.read()
        except (zlib.error, zstd.ZstdError) as error:
            raise self._malformed() from error
        if stream.members > MOST_MEMBERS:
            raise HTTPException(
                413, f"The body is {self._coding} of over {MOST_MEMBERS} members", CLOSE
            )
        return piece

    def _malformed(self) -> HTTPException:
        return HTTPException(400, f"The body is no whole {self._coding}", CLOSE)


class _Stream:
    """What has come in and is not unfolded yet, one member after the other.

    Attributes:
        folded: what has come in.
        members: how many were begun.
    """

    def __init__(self, make: Callable[[], _Decoder]) -> None:
        self.folded = b""
        self.members = 1
        self._make = make
        self._decoder = make()

    @property
    def whole(self) -> bool:
        """Whether the last member has come to its end."""
        return self._decoder.eof and not self.folded

    def read(self) -> bytes:
        """The next piece; nothing when more has to come in."""
        while self.folded or not self._decoder.eof:
            if self._decoder.eof:
                self._decoder = self._make()
                self.members += 1
            piece = self._decoder.decompress(self.folded, PIECE_BYTES)
            # One of the decoders gives back what it has not come to yet, the other keeps it.
            rest = b"" if self._decoder.eof else getattr(self._decoder, "unconsumed_tail", b"")
            self.folded = self._decoder.unused_data or rest
            if piece or not self.folded:
                return piece
        return b""
