"""Bind paths and methods to handlers: the ASGI application of the server.

Knows routes only. Unknown paths and wrong methods are answered in Ollama's words
(Ollama 0.33's API, read 2026-11).
"""

from starlette.responses import PlainTextResponse
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from simile.engine.residency import Residency
from simile.models.hub import Hub
from simile.server.endpoint import OLLAMA, OPENAI, Endpoint, Handler, Protocol
from simile.server.handlers import Handlers


def create_app(hub: Hub, residency: Residency) -> ASGIApp:
    """Build the application; the caller closes the residency when the server has stopped."""
    handlers = Handlers(hub, residency)
    routes = [
        # In the order of how often they are asked for: the router tries one after the other.
        _route("POST", "/api/embed", handlers.embed, OLLAMA),
        _route("POST", "/v1/embeddings", handlers.openai_embeddings, OPENAI),
        _route("POST", "/api/embeddings", handlers.embeddings, OLLAMA),
        _route("GET", "/api/version", handlers.version, OLLAMA),
        _route("GET", "/api/tags", handlers.tags, OLLAMA),
        _route("GET", "/api/ps", handlers.ps, OLLAMA),
        _route("POST", "/api/show", handlers.show, OLLAMA),
        _route("GET", "/v1/models", handlers.openai_models, OPENAI),
        _Route("/", PlainTextResponse("Ollama is running"), methods=["GET"]),
    ]
    return Router(routes, default=PlainTextResponse("404 page not found", 404))


class _Route(Route):
    """A route whose refusal of a method reads as Ollama's."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.methods and scope["method"] not in self.methods:
            await PlainTextResponse("405 method not allowed", 405)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def _route(method: str, path: str, handler: Handler, protocol: Protocol) -> _Route:
    return _Route(path, Endpoint(handler, protocol), methods=[method])
