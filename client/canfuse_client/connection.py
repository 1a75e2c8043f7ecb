"""Sends orders to a service and reads its answers, again where that is of use."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter, ValidationError

from canfuse_client.answers import problem_of, told
from canfuse_client.errors import ClientError, UnexpectedAnswer, WrongUse
from canfuse_client.patience import Patience, Retries
from canfuse_client.wires import Wire

logger = logging.getLogger("canfuse_client")

JSON = "application/json"
LOG = "application/octet-stream"

T = TypeVar("T")


@dataclass(frozen=True)
class Order:
    """A request as it is meant; each try of it is made from this anew.

    Attributes:
        params: query.
        body: JSON, the bytes of a log, or the file that has one.
        repeatable: whether carrying it out twice is the same as once.
        silence: seconds of silence to bear, where others than usual.
    """

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | bytes | Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = True
    silence: float | None = None


class Connection:
    """One service, over one wire."""

    def __init__(self, wire: Wire, retries: Retries) -> None:
        self.wire = wire
        self.retries = retries

    async def call(self, order: Order, answer: type[T]) -> T:
        """Carry an order out.

        Raises:
            Problem: the service refuses it.
            Unreachable: it does not come through.
            UnexpectedAnswer: the answer is none of canfuse's.
        """
        patience = Patience(self.retries)
        while True:
            try:
                async with self.open(order) as response:
                    return _parse(response, await self.wire.read(response), answer)
            except ClientError as error:
                await self.rest(patience, error, repeatable=order.repeatable)

    @asynccontextmanager
    async def open(self, order: Order) -> AsyncGenerator[httpx.Response]:
        """Send an order once; yields the answer, its body still to be read."""
        with told(str(self.wire.http.base_url)):
            response = await self.wire.send(self._request(order))
            try:
                if not response.is_success:
                    raise problem_of(response, await self.wire.read(response))
                yield response
            finally:
                await self.wire.close(response)

    async def rest(
        self, patience: Patience, error: ClientError, *, repeatable: bool = True
    ) -> None:
        """Wait after a failure.

        Raises:
            ClientError: that failure, where trying again is of no use.
        """
        pause = patience.after(error, repeatable=repeatable)
        logger.info("%s Trying again in %.1f s.", error.detail, pause)
        await self.wire.sleep(pause)

    def _request(self, order: Order) -> httpx.Request:
        headers, body = {**order.headers}, order.body
        content: Any = _json(body) if isinstance(body, Mapping) else body
        if body is not None:
            headers["Content-Type"] = JSON if isinstance(body, Mapping) else LOG
        if isinstance(body, Path):
            size = _size(body)
            headers["Content-Length"] = str(size)
            content = self.wire.upload(body, size)
        return self.wire.http.build_request(
            order.method,
            order.path,
            params=order.params,
            headers=headers,
            content=content,
            timeout=self._timeout(order),
        )

    def _timeout(self, order: Order) -> httpx.Timeout:
        usual = self.wire.http.timeout
        if order.silence is None:
            return usual
        return httpx.Timeout(**{**usual.as_dict(), "read": order.silence})


def given(**values: Any) -> dict[str, Any]:
    """Those of the values that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def path_of(*names: str) -> str:
    """An address from its parts.

    Raises:
        WrongUse: a part would lead elsewhere.
    """
    for name in names:
        if name in ("", ".", ".."):
            raise WrongUse(f"{name!r} names nothing.", "Give the name or id as the service has it.")
    return "/" + "/".join(quote(name, safe="") for name in names)


def _json(body: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError) as error:
        raise WrongUse(f"That cannot be sent: {error}.", "Give finite numbers and text.") from error


def _size(path: Path) -> int:
    if not path.is_file():
        raise WrongUse(f"There is no file {path}.", "Check the path.")
    return path.stat().st_size


def _parse(response: httpx.Response, body: bytes, answer: type[T]) -> T:
    try:
        parsed: T = TypeAdapter(answer).validate_json(body or b"null")
    except ValidationError as error:
        raise UnexpectedAnswer(
            f"The answer from {response.url.path} is not what canfuse answers.",
            "Is it canfuse that listens there, and of a version that fits this client's?",
        ) from error
    return parsed
