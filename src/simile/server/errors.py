"""Turn an exception into a status code, a text and each protocol's error envelope.

The only place that knows status codes. Does not know routes, models or sockets; what follows from
the text of a message is decided nowhere. Ollama's and OpenAI's envelopes as Ollama v0.33 writes
them: Ollama 0.33's API (read 2026-11).
"""

import logging
from collections.abc import Iterable

from simile import errors
from simile.server.gojson.encode import json_value

logger = logging.getLogger("simile.server")


class BodyError(errors.InputError):
    """The body is not what the route takes."""


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
"""What clients of Ollama look for, in place of our own words."""

_TYPES = {
    400: "invalid_request_error",
    401: "invalid_request_error",
    404: "not_found_error",
    405: "invalid_request_error",
}
_CODES: dict[type[Exception], bytes] = {UnauthorizedError: b'"invalid_api_key"'}
"""What OpenAI's own server says beside the type, where Ollama says null."""


_HEADERS: dict[type[Exception], tuple[tuple[bytes, bytes], ...]] = {
    errors.OverloadedError: ((b"retry-after", b"1"),),
    UnauthorizedError: ((b"www-authenticate", b'Bearer realm="simile"'),),
}


def headers_of(exc: Exception) -> tuple[tuple[bytes, bytes], ...]:
    """Find the headers that an error is answered with beside the usual ones."""
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
    return _TEXTS.get(type(exc)) or str(exc)


def log(exc: Exception) -> None:
    """Log an error that nobody planned with its traceback, one of the engine's in one line."""
    if not isinstance(exc, errors.SimileError):
        logger.error("unexpected error while answering a request", exc_info=exc)
    elif status_of(exc) >= 500:
        logger.warning("%s: %s", type(exc).__name__, exc)


def ollama_body(exc: Exception) -> bytes:
    """Write Ollama's envelope, without a trailing newline."""
    return b'{"error":%b}' % json_value(text_of(exc))


def openai_body(exc: Exception) -> bytes:
    """Write OpenAI's envelope, with a trailing newline."""
    text = "EOF" if isinstance(exc, EmptyBodyError) else text_of(exc)
    kind = _TYPES.get(status_of(exc), "api_error")
    return b'{"error":{"message":%b,"type":"%b","param":null,"code":%b}}\n' % (
        json_value(text),
        kind.encode(),
        _CODES.get(type(exc), b"null"),
    )


def jina_body(exc: Exception) -> bytes:
    """Write OpenAI's envelope with what clients of Cohere and of Jina look for beside it."""
    text = json_value(text_of(exc))
    return b'%b,"message":%b,"detail":%b}\n' % (openai_body(exc)[:-2], text, text)


_TEI_STATUS: dict[type[Exception], int] = {
    errors.InputError: 422,
    EmptyInputError: 400,
    EmptyBodyError: 400,
    BodyTooLargeError: 413,
    errors.UnsupportedModelError: 424,
    errors.EngineError: 424,
    errors.EngineClosedError: 503,
    errors.OverloadedError: 429,
}
_TEI_TYPES = {400: "Empty", 424: "Backend", 429: "Overloaded", 500: "Backend", 503: "Unhealthy"}


def tei_status(exc: Exception) -> int:
    """Find the status that text-embeddings-inference gives an error; where it has none, ours."""
    kinds = type(exc).__mro__
    return next((_TEI_STATUS[kind] for kind in kinds if kind in _TEI_STATUS), status_of(exc))


def tei_body(exc: Exception) -> bytes:
    """Write text-embeddings-inference's envelope; `message` is what Cohere's clients look for."""
    text = json_value(text_of(exc))
    kind = _TEI_TYPES.get(tei_status(exc), "Validation").encode()
    return b'{"error":%b,"error_type":"%b","message":%b}' % (text, kind, text)
