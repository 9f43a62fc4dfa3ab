"""Answer what no handler answers, in the words of the protocol that the path belongs to.

Knows which paths are OpenAI's; does not know the routes. Ollama speaks plain text here
(Ollama 0.33's API, read 2026-11), below /v1 everything has OpenAI's envelope.
"""

from collections.abc import Iterable

from starlette.types import Receive, Scope, Send

from simile.server import errors
from simile.server.http.endpoint import OLLAMA, OPENAI
from simile.server.http.reading import linger
from simile.server.http.traffic import REQUEST, Passage

Headers = Iterable[tuple[bytes, bytes]]

_TEXT = (b"content-type", b"text/plain; charset=utf-8")


def is_openai(path: str) -> bool:
    """Whether a path is one of OpenAI's API."""
    return path == "/v1" or path.startswith("/v1/")


async def refuse(
    scope: Scope, receive: Receive, send: Send, exc: Exception, *, close: bool = False
) -> None:
    """Answer with an error in the envelope of the path's protocol."""
    count(scope, exc)
    protocol = OPENAI if is_openai(scope["path"]) else OLLAMA
    headers = ((b"content-type", protocol.content_type), *errors.headers_of(exc))
    status, body = errors.status_of(exc), protocol.error_body(exc)
    await send_unread(scope, receive, send, status, headers=headers, body=body, close=close)


def count(scope: Scope, exc: Exception) -> None:
    """Count an error among those of the server, if anyone counts."""
    passage: Passage | None = scope.get(REQUEST)
    if passage is not None:
        passage.fail(exc)


async def send_unread(
    scope: Scope,
    receive: Receive,
    send: Send,
    status: int,
    *,
    headers: Headers = (),
    body: bytes = b"",
    close: bool = False,
) -> None:
    """Answer without having read the request's body, and do not wait long for its end."""
    has_body = any(name in _SAY_BODY and value != b"0" for name, value in scope["headers"])
    extra = ((b"connection", b"close"),) if has_body or close else ()
    head = [*headers, (b"content-length", b"%d" % len(body)), *extra]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body, "more_body": has_body})
    if has_body:
        await linger(receive, send)


_SAY_BODY = frozenset({b"content-length", b"transfer-encoding"})


async def no_route(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer 404: nothing is at this path."""
    exc = errors.NoRouteError(f"Invalid URL ({scope['method']} {scope['path']})")
    if is_openai(scope["path"]):
        await refuse(scope, receive, send, exc)
    else:
        count(scope, exc)
        body = b"404 page not found"
        await send_unread(scope, receive, send, 404, headers=(_TEXT,), body=body)


async def wrong_method(
    scope: Scope, receive: Receive, send: Send, *, allowed: Iterable[str]
) -> None:
    """Answer 405: the path takes other methods."""
    exc = errors.WrongMethodError(f"Not allowed to {scope['method']} on {scope['path']}", allowed)
    if is_openai(scope["path"]):
        await refuse(scope, receive, send, exc)
    else:
        count(scope, exc)
        headers = (_TEXT, *errors.headers_of(exc))
        body = b"405 method not allowed"
        await send_unread(scope, receive, send, 405, headers=headers, body=body)
