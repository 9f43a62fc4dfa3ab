"""Admit a request or reject it, by its Host, its Origin and its API key.

An ASGI application around the server's own. Knows HTTP headers, not routes. Every request passes
here, so the headers are scanned once.
Source: Ollama 0.33's API, its rules for origins and hosts; gin-contrib/cors, cors.go and utils.go
(which headers an answer has), read 2026-11.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simile.server.errors import ForbiddenError, UnauthorizedError
from simile.server.http.keys import Keys
from simile.server.http.origins import Origins, is_local_host, is_same
from simile.server.http.refusals import refuse, send_unread
from simile.server.http.traffic import state_of

OPEN_PATHS = frozenset({"/", "/api/version", "/health", "/openapi.json", "/docs"})
"""Served without a key: they reveal only that the server is there and which routes it has.

A browser that opens /docs cannot send a key.
"""

_METHODS = b"GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS"
_ALLOWED_HEADERS = (
    b"Authorization,Content-Type,User-Agent,Accept,X-Requested-With,Openai-Beta,"
    b"X-Stainless-Arch,X-Stainless-Async,X-Stainless-Custom-Poll-Interval,"
    b"X-Stainless-Helper-Method,X-Stainless-Lang,X-Stainless-Os,X-Stainless-Package-Version,"
    b"X-Stainless-Poll-Helper,X-Stainless-Retry-Count,X-Stainless-Runtime,"
    b"X-Stainless-Runtime-Version,X-Stainless-Timeout"
)
_PREFLIGHT = (
    (b"access-control-allow-methods", _METHODS),
    (b"access-control-allow-headers", _ALLOWED_HEADERS),
    (b"access-control-max-age", b"43200"),
)
_PREFLIGHT_VARY = b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"


class Access:
    """The door of one server."""

    def __init__(
        self, app: ASGIApp, *, keys: Keys | None, origins: Origins, check_host: bool
    ) -> None:
        """Guard an application; check_host is for a server that only this machine reaches."""
        self._app = app
        self._keys = keys
        self._origins = origins
        self._check_host = check_host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        host = origin = key = b""
        for name, value in scope["headers"]:
            # A repeated header is joined (RFC 9110), and is then no valid host, origin or key.
            if name == b"host":
                host = host + b"," + value if host else value
            elif name == b"origin":
                origin = origin + b"," + value if origin else value
            elif name == b"authorization":
                key = key + b"," + value if key else value
        if self._check_host and not is_local_host(host.decode("latin-1")):
            await _forbid(scope, receive, send, "Host")
        elif origin and not is_same(origin.decode("latin-1"), host.decode("latin-1")):
            await self._cross(scope, receive, send, origin, key)
        else:
            await self._keyed(scope, receive, send, key)

    async def _cross(
        self, scope: Scope, receive: Receive, send: Send, origin: bytes, key: bytes
    ) -> None:
        """Answer a page that was not loaded from here."""
        if not self._origins.allow(origin.decode("latin-1")):
            await _forbid(scope, receive, send, "Origin")
            return
        allow = (b"access-control-allow-origin", b"*" if self._origins.all else origin)
        preflight = scope["method"] == "OPTIONS"
        vary = (b"vary", _PREFLIGHT_VARY if preflight else b"Origin")
        extra = (allow,) if self._origins.all else (allow, vary)
        if preflight:
            # The browser asks on its own account, before it sends a key.
            headers = [*extra, *_PREFLIGHT]
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return

        async def send_with_origin(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *extra]
            await send(message)

        await self._keyed(scope, receive, send_with_origin, key)

    async def _keyed(self, scope: Scope, receive: Receive, send: Send, key: bytes) -> None:
        if self._keys is not None:
            caller = self._keys.caller_of(key)
            if caller is None and scope["path"] not in OPEN_PATHS:
                await refuse(scope, receive, send, UnauthorizedError(_why(key)))
                return
            state_of(scope).caller = caller
        await self._app(scope, receive, send)


def _why(key: bytes) -> str:
    if not key:
        return "no API key came; expected the header Authorization: Bearer KEY"
    return "incorrect API key; expected Authorization: Bearer and a key that this server knows"


async def _forbid(scope: Scope, receive: Receive, send: Send, header: str) -> None:
    state_of(scope).fail(ForbiddenError(f"this {header} may not ask"))
    await send_unread(scope, receive, send, 403)
