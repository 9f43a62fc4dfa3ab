"""The dialects that routes answer in: media types, statuses and error envelopes.

Ollama's and OpenAI's envelopes as Ollama 0.33 writes them, the rest as the APIs of Jina, Cohere and
text-embeddings-inference document them (all read 2026-11). Does not know routes or sockets.
"""

from collections.abc import Callable
from dataclasses import dataclass

from simile import errors as simile_errors
from simile.server import errors
from simile.server.gojson.encode import json_value

_TYPES = {
    400: "invalid_request_error",
    401: "invalid_request_error",
    404: "not_found_error",
    405: "invalid_request_error",
}
_CODES: dict[type[Exception], bytes] = {errors.UnauthorizedError: b'"invalid_api_key"'}
"""Codes that OpenAI's own server sends where Ollama sends null."""


def _ollama_body(exc: Exception) -> bytes:
    """Write Ollama's envelope, without a trailing newline."""
    return b'{"error":%b}' % json_value(errors.text_of(exc))


def _openai_body(exc: Exception) -> bytes:
    """Write OpenAI's envelope, with a trailing newline."""
    text = "EOF" if isinstance(exc, errors.EmptyBodyError) else errors.text_of(exc)
    kind = _TYPES.get(errors.status_of(exc), "api_error")
    return b'{"error":{"message":%b,"type":"%b","param":null,"code":%b}}\n' % (
        json_value(text),
        kind.encode(),
        _CODES.get(type(exc), b"null"),
    )


def _jina_body(exc: Exception) -> bytes:
    """Write OpenAI's envelope, with the fields that clients of Cohere and Jina read."""
    text = json_value(errors.text_of(exc))
    return b'%b,"message":%b,"detail":%b}\n' % (_openai_body(exc)[:-2], text, text)


_TEI_STATUS: dict[type[Exception], int] = {
    simile_errors.InputError: 422,
    errors.EmptyInputError: 400,
    errors.EmptyBodyError: 400,
    errors.BodyTooLargeError: 413,
    simile_errors.UnsupportedModelError: 424,
    simile_errors.EngineError: 424,
    simile_errors.EngineClosedError: 503,
    simile_errors.OverloadedError: 429,
}
_TEI_TYPES = {400: "Empty", 424: "Backend", 429: "Overloaded", 500: "Backend", 503: "Unhealthy"}


def _tei_status(exc: Exception) -> int:
    """Return the status that text-embeddings-inference uses for an error, or else ours."""
    kinds = type(exc).__mro__
    return next((_TEI_STATUS[kind] for kind in kinds if kind in _TEI_STATUS), errors.status_of(exc))


def _tei_body(exc: Exception) -> bytes:
    """Write text-embeddings-inference's envelope; `message` is what Cohere's clients look for."""
    text = json_value(errors.text_of(exc))
    kind = _TEI_TYPES.get(_tei_status(exc), "Validation").encode()
    return b'{"error":%b,"error_type":"%b","message":%b}' % (text, kind, text)


@dataclass(frozen=True, slots=True)
class Dialect:
    """The media types, statuses and error envelope of one protocol."""

    content_type: bytes
    error_body: Callable[[Exception], bytes]
    error_type: bytes = b"application/json"
    status_of: Callable[[Exception], int] = errors.status_of
    routes_in_text: bool = False
    """Whether 404 for a path and 405 come as plain text, as Ollama's router answers."""


OLLAMA = Dialect(
    b"application/json; charset=utf-8",
    _ollama_body,
    b"application/json; charset=utf-8",
    routes_in_text=True,
)
OPENAI = Dialect(b"application/json", _openai_body)
JINA = Dialect(b"application/json", _jina_body)
TEI = Dialect(b"application/json", _tei_body, status_of=_tei_status)


def dialect_of_unknown(path: str) -> Dialect:
    """Choose the dialect for a path that is no route: OpenAI's below /v1, else Ollama's."""
    return OPENAI if path == "/v1" or path.startswith("/v1/") else OLLAMA
