"""Turn an exception into a status code, headers and a text for the client.

The only place that knows status codes. Does not know routes, models, sockets or envelopes. Nothing
depends on the text of a message. Texts: Ollama 0.33's API (read 2026-11).
"""

import logging
from collections.abc import Iterable

from simile import errors
from simile.texts import shortened

logger = logging.getLogger("simile.server")


class BodyError(errors.InputError):
    """The body is invalid for the route."""


class EmptyBodyError(BodyError):
    """There is no body."""


class EmptyInputError(BodyError):
    """A list that has to hold something is empty."""


class BodyTooLargeError(BodyError):
    """The body is larger than the server reads."""


class SlowBodyError(errors.SimileError):
    """The client sends its body more slowly than the server waits."""


class OptionError(errors.InputError):
    """An option of the model has a value of the wrong type."""


class UnauthorizedError(errors.SimileError):
    """The request has no key that this server knows."""


class ForbiddenError(errors.SimileError):
    """The request names a host or comes from a web page that this server does not answer."""


class NoRouteError(errors.SimileError):
    """Nothing is at this path."""


class WrongMethodError(errors.SimileError):
    """The path takes other methods."""

    def __init__(self, message: str, allowed: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.allowed = tuple(sorted(allowed))


class PullOffError(errors.SimileError):
    """The server does not pull models for its clients."""


class NotOfferedError(errors.SimileError):
    """A route of Ollama's that this server has no use for."""


class ClientGoneError(errors.SimileError):
    """The client closed the connection before it was answered."""


STATUS: dict[type[Exception], int] = {
    errors.InputError: 400,
    BodyTooLargeError: 413,
    SlowBodyError: 408,
    errors.ConfigError: 500,
    errors.ModelError: 500,
    errors.ModelNotFoundError: 404,
    errors.DownloadError: 404,
    errors.UnsupportedModelError: 501,
    errors.StoreError: 500,
    errors.IndexNotFoundError: 404,
    errors.LockedError: 503,
    errors.EngineError: 500,
    errors.NotFiniteError: 400,
    errors.EngineClosedError: 503,
    errors.OverloadedError: 503,
    errors.RemoteEngineError: 502,
    errors.BrokenAnswerError: 502,
    errors.ServerError: 500,
    errors.MissingExtraError: 500,
    UnauthorizedError: 401,
    ForbiddenError: 403,
    NoRouteError: 404,
    WrongMethodError: 405,
    PullOffError: 403,
    NotOfferedError: 403,
    ClientGoneError: 499,
}
"""The status of an error is that of the nearest class above it."""

_TEXTS: dict[type[Exception], str] = {
    errors.ModelNameError: "invalid model name",
    errors.TextTooLongError: "the input length exceeds the context length",
    errors.WindowTooSmallError: "input after truncation exceeds maximum context length",
    errors.OverloadedError: "server busy, please try again.  maximum pending requests exceeded",
    EmptyBodyError: "missing request body",
    errors.NotFiniteError: "embedding contains NaN or Inf values",
    ClientGoneError: "request canceled",
}
"""Texts that clients of Ollama look for; they replace our own."""

_HEADERS: dict[type[Exception], tuple[tuple[bytes, bytes], ...]] = {
    errors.OverloadedError: ((b"retry-after", b"1"),),
    UnauthorizedError: ((b"www-authenticate", b'Bearer realm="simile"'),),
}


MAX_TEXT_CHARS = 4096
"""Of an error; some repeat what the client sent."""


def headers_of(exc: Exception) -> tuple[tuple[bytes, bytes], ...]:
    """Return the headers that the response to an error needs beside the usual ones."""
    if isinstance(exc, WrongMethodError):
        return ((b"allow", ", ".join(exc.allowed).encode()),)
    return _HEADERS.get(type(exc), ())


def status_of(exc: Exception) -> int:
    """Find the status code for an error; 500 for one that nobody planned."""
    return next((STATUS[kind] for kind in type(exc).__mro__ if kind in STATUS), 500)


def text_of(exc: Exception) -> str:
    """Word an error for the client; the text of one that nobody planned is not shown."""
    if not isinstance(exc, errors.SimileError):
        return "internal server error"
    return _TEXTS.get(type(exc)) or shortened(str(exc), MAX_TEXT_CHARS)


def log(exc: Exception) -> None:
    """Log an error that nobody planned with its traceback, one of the engine's in one line."""
    if not isinstance(exc, errors.SimileError):
        logger.error("unexpected error while answering a request", exc_info=exc)
    elif status_of(exc) >= 500:
        logger.warning("%s: %s", type(exc).__name__, exc)
