"""Refuse requests that reach no handler, in the dialect of their route.

Does not know the routes: `Watch` finds the route and its dialect first. Ollama's router answers in
plain text (Ollama 0.33's API, read 2026-11).
"""

from collections.abc import Iterable

from starlette.types import Receive, Scope, Send

from simile.server import errors
from simile.server.http.reading import linger
from simile.server.http.traffic import state_of

Headers = Iterable[tuple[bytes, bytes]]

_TEXT = (b"content-type", b"text/plain; charset=utf-8")


async def refuse(
    scope: Scope, receive: Receive, send: Send, exc: Exception, *, close: bool = False
) -> None:
    """Answer with an error in the dialect of the request's route."""
    state = state_of(scope)
    state.fail(exc)
    dialect = state.dialect
    headers = ((b"content-type", dialect.error_type), *errors.headers_of(exc))
    status, body = dialect.status_of(exc), dialect.error_body(exc)
    await send_unread(scope, receive, send, status, headers=headers, body=body, close=close)


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
    """Answer 404: no route has this path."""
    exc = errors.NoRouteError(f"Invalid URL ({scope['method']} {scope['path']})")
    await _refuse_route(scope, receive, send, exc, b"404 page not found")


async def wrong_method(
    scope: Scope, receive: Receive, send: Send, *, allowed: Iterable[str]
) -> None:
    """Answer 405: the path takes other methods."""
    exc = errors.WrongMethodError(f"Not allowed to {scope['method']} on {scope['path']}", allowed)
    await _refuse_route(scope, receive, send, exc, b"405 method not allowed")


async def _refuse_route(
    scope: Scope, receive: Receive, send: Send, exc: Exception, text: bytes
) -> None:
    state = state_of(scope)
    if not state.dialect.routes_in_text:
        await refuse(scope, receive, send, exc)
        return
    state.fail(exc)
    headers = (_TEXT, *errors.headers_of(exc))
    await send_unread(scope, receive, send, errors.status_of(exc), headers=headers, body=text)
