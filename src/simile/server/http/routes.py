"""A route with the dialect that everything below its path is answered in, refusals included."""

from collections.abc import Sequence

from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from simile.server.http.dialects import Dialect
from simile.server.http.endpoint import SMALL_BODY_BYTES, Endpoint, Handler
from simile.server.http.reading import MAX_BODY_BYTES
from simile.server.http.refusals import wrong_method


class DialectRoute(Route):
    """A path, the methods it takes, and the application that answers."""

    def __init__(self, methods: Sequence[str], path: str, app: ASGIApp, dialect: Dialect) -> None:
        super().__init__(path, app, methods=methods)
        self.dialect = dialect

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse its method."""
        if self.methods and scope["method"] not in self.methods:
            await wrong_method(scope, receive, send, allowed=self.methods)
        else:
            await self.app(scope, receive, send)


def route(
    method: str,
    path: str,
    handler: Handler,
    dialect: Dialect,
    *,
    max_body_bytes: int = SMALL_BODY_BYTES,
) -> DialectRoute:
    """Bind a handler to a method and a path."""
    endpoint = Endpoint(handler, dialect, max_body_bytes=max_body_bytes)
    return DialectRoute([method], path, endpoint, dialect)


def texts_route(path: str, handler: Handler, dialect: Dialect) -> DialectRoute:
    """Bind a handler to POST on a path whose body holds texts, and may be large."""
    return route("POST", path, handler, dialect, max_body_bytes=MAX_BODY_BYTES)
