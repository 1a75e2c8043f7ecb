"""The errors that only HTTP knows; `ml.errors` has the rest."""

from __future__ import annotations

from typing import ClassVar

from ml.errors import CanfuseError, Unavailable


class HttpError(CanfuseError):
    """The request cannot be answered.

    Attributes:
        status: the HTTP status code of the answer.
    """

    slug = "bad-request"
    status: ClassVar[int] = 400


class NotHttp(HttpError):
    """What came in cannot be read as HTTP."""

    slug = "not-http"


class UnknownHost(HttpError):
    """The service is not called by that name."""

    slug = "unknown-host"


class Unauthenticated(HttpError):
    """A valid API key is needed."""

    slug = "unauthenticated"
    status = 401


class Forbidden(HttpError):
    """The API key does not allow this."""

    slug = "forbidden"
    status = 403


class NoSuchRoute(HttpError):
    """There is nothing at this address."""

    slug = "no-such-route"
    status = 404


class MethodNotAllowed(HttpError):
    """This address does not take that method."""

    slug = "method-not-allowed"
    status = 405


class BodyTooSlow(HttpError):
    """The body did not arrive in time."""

    slug = "body-too-slow"
    status = 408


class BodyTooLarge(HttpError):
    """The body is larger than is taken here."""

    slug = "body-too-large"
    status = 413


class UnsupportedMediaType(HttpError):
    """The body is of a type that is not read here."""

    slug = "unsupported-media-type"
    status = 415


class RangeNotSatisfiable(HttpError):
    """The file does not reach that far."""

    slug = "range-not-satisfiable"
    status = 416


class InvalidRequest(HttpError):
    """A field of the request is missing, unknown or out of range."""

    slug = "invalid-request"
    status = 422


class InternalError(HttpError):
    """The service failed; the request was not at fault."""

    slug = "internal-error"
    status = 500


class Busy(Unavailable):
    """Too many requests of this sort are under way."""

    slug = "busy"


class TooManyRequests(Unavailable):
    """The API key has made as many requests as it may."""

    slug = "too-many-requests"


class TooManyConnections(Unavailable):
    """As many connections are open as may be."""

    slug = "too-many-connections"


class NotReady(Unavailable):
    """The service cannot do its work just now."""

    slug = "not-ready"
