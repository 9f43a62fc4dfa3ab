"""Watch every request from outside: give it an id, count it, and log it in one line.

An ASGI application around the server's own. Knows paths and statuses; does not know bodies, and
never sees a text. Every request passes here, so it does as little as it can.
"""

import logging
import re
from collections.abc import Sequence
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simile.errors import OverloadedError
from simile.server.http.connections import CROWDED
from simile.server.http.dialects import dialect_of_unknown
from simile.server.http.logs import REQUEST_ID
from simile.server.http.refusals import refuse
from simile.server.http.routes import DialectRoute
from simile.server.http.traffic import REQUEST, RequestState, Traffic

REQUEST_ID_HEADER = b"x-request-id"
OTHER = "other"
"""The route of paths that lead nowhere, so that nobody can make up new ones in the counts."""

_SANE = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
logger = logging.getLogger("simile.requests")


class Watch:
    """Counts what an application answers."""

    def __init__(self, app: ASGIApp, traffic: Traffic, routes: Sequence[DialectRoute]) -> None:
        self.routes = routes
        self._app = app
        self._traffic = traffic
        self._dialects = {route.path: route.dialect for route in routes}
        self._varied = [
            (path, re.compile(re.sub(r"\\{.*?\\}", ".+", re.escape(path))))
            for path in self._dialects
            if "{" in path
        ]

    def around(self, app: ASGIApp) -> "Watch":
        """Watch an application that hands on to this one."""
        return Watch(app, self._traffic, self.routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on one request."""
        if scope["type"] != "http" or REQUEST in scope:
            await self._app(scope, receive, send)
            return
        start, status = perf_counter(), 0
        route = self._route_of(scope["path"])
        dialect = self._dialects.get(route) or dialect_of_unknown(scope["path"])
        state = scope[REQUEST] = RequestState(self._traffic, self._id_of(scope), route, dialect)
        REQUEST_ID.set(state.id)
        header = (REQUEST_ID_HEADER, state.id.encode())

        async def send_watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)

        try:
            if CROWDED in scope:
                crowded = OverloadedError("too many connections")
                await refuse(scope, receive, send_watched, crowded, close=True)
            else:
                await self._app(scope, receive, send_watched)
        finally:
            state.end()
            self._count(scope, state, status, perf_counter() - start)

    def _id_of(self, scope: Scope) -> str:
        for name, value in scope["headers"]:
            if name == REQUEST_ID_HEADER and _SANE.fullmatch(value):
                return str(value, "ascii")
        return self._traffic.new_id()

    def _count(self, scope: Scope, state: RequestState, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else OTHER
        route = state.route
        self._traffic.answers[method, route, status] += 1
        self._traffic.seconds.add(seconds)
        if logger.isEnabledFor(logging.INFO):
            fields: dict[str, object] = {"method": method, "route": route, "status": status}
            fields["duration_ms"] = round(seconds * 1e3, 2)
            if state.error:
                fields["error"] = state.error
            if state.caller:
                fields["caller"] = state.caller.name
            logger.info("request", extra={"fields": fields | state.log_fields})

    def _route_of(self, path: str) -> str:
        if path in self._dialects:
            return path
        return next((name for name, shape in self._varied if shape.fullmatch(path)), OTHER)
