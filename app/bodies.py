"""Reads the bodies of requests."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError
from starlette.requests import HTTPConnection

from app.errors import UnsupportedMediaType
from app.problems import invalid_request

REF = "#/components/schemas/{model}"
Model = TypeVar("Model", bound=BaseModel)


def media_type(request: HTTPConnection) -> str:
    """The body's media type without parameters, in lower case; "" where none is given."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def is_json(media: str) -> bool:
    """Whether a media type is JSON."""
    return media == "application/json" or media.endswith("+json")


async def read_json(request: Request) -> bytes:
    """A JSON body, not parsed yet.

    Other types are refused, also because a page on another site could send them unasked.
    """
    if not is_json(found := media_type(request)):
        raise UnsupportedMediaType(
            f"The body's type is {found or 'missing'}.", "Send Content-Type: application/json."
        )
    return await request.body()


JsonBody = Annotated[bytes, Depends(read_json)]


def json_body(model: str) -> dict[str, Any]:
    """Describe in OpenAPI the body that an endpoint parses by itself."""
    content = {"application/json": {"schema": {"$ref": REF.format(model=model)}}}
    return {"requestBody": {"required": True, "content": content}}


def parse(model: type[Model], body: bytes) -> Model:
    """Parse and validate at once, which is far quicker than one after the other.

    Raises:
        InvalidRequest: the body is no JSON or does not fit; each field at fault is named.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise invalid_request(found) from error
