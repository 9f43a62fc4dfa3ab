"""Bind paths and methods to handlers: the ASGI application of the server.

Knows routes only; who may ask is said before (access), and what no route answers is refused
elsewhere (refusals).
"""

from collections.abc import Sequence

from starlette.responses import PlainTextResponse
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from simile.engine.residency import Residency
from simile.hub.hub import Hub
from simile.server.http.endpoint import JINA, OLLAMA, OPENAI, TEI, Endpoint, Handler, Protocol
from simile.server.http.refusals import no_route, wrong_method
from simile.server.http.traffic import Traffic
from simile.server.http.watch import Watch
from simile.server.ollama.change_handlers import StoreHandlers
from simile.server.ollama.handlers import Handlers
from simile.server.rerank.handlers import RerankHandlers
from simile.server.served import Served
from simile.server.spec.openapi import PAGE, Pages
from simile.server.tei.handlers import TeiHandlers
from simile.server.upkeep.upkeep import METRICS, Upkeep


def create_app(
    hub: Hub,
    residency: Residency,
    traffic: Traffic | None = None,
    *,
    allow_pull: bool = True,
    has_keys: bool = False,
    models: Sequence[str] = (),
) -> Watch:
    """Build the application; the caller closes the residency when the server has stopped.

    Without allow_pull no client can make the server fetch a model. has_keys is what the document of
    the routes says of keys; `Access` asks for them. models are those that are meant where a request
    names none.
    What is put around it later belongs into `Watch.around`, so that its refusals are counted, too.
    """
    traffic = traffic or Traffic()
    handlers = Handlers(hub, residency)
    store = StoreHandlers(hub, residency, allow_pull=allow_pull)
    upkeep = Upkeep(residency, traffic)
    served = Served(hub, models)
    rerank = RerankHandlers(residency, served).rerank
    tei = TeiHandlers(hub, residency, served, traffic)
    routes = [
        # In the order of how often they are asked for: the router tries one after the other.
        _route("POST", "/api/embed", handlers.embed, OLLAMA),
        _route("POST", "/v1/embeddings", handlers.openai_embeddings, OPENAI),
        _route("POST", "/api/embeddings", handlers.embeddings, OLLAMA),
        _route("POST", "/v1/rerank", rerank, JINA),
        _route("POST", "/v2/rerank", rerank, TEI),
        _route("POST", "/api/rerank", rerank, OLLAMA),
        _route("POST", "/rerank", rerank, TEI),
        _route("POST", "/embed", tei.embed, TEI),
        _route("POST", "/similarity", tei.similarity, TEI),
        _route("POST", "/tokenize", tei.tokenize, TEI),
        _route("GET", "/info", tei.info, TEI),
        _route("GET", "/api/version", handlers.version, OLLAMA),
        _route("GET", "/api/status", handlers.status, OLLAMA),
        _route("GET", "/api/tags", handlers.tags, OLLAMA),
        _route("GET", "/api/ps", handlers.ps, OLLAMA),
        _route("POST", "/api/show", handlers.show, OLLAMA),
        _route("GET", "/v1/models", handlers.openai_models, OPENAI),
        _route("GET", "/v1/models/{id:path}", store.openai_model, OPENAI),
        _route("POST", "/api/pull", store.pull, OLLAMA),
        _route("POST", "/api/copy", store.copy, OLLAMA),
        _route("DELETE", "/api/delete", store.delete, OLLAMA),
        _route("POST", "/api/generate", store.generate, OLLAMA),
        _route("POST", "/api/chat", store.chat, OLLAMA),
        _route("POST", "/api/create", store.create, OLLAMA),
        _route("POST", "/api/push", store.push, OLLAMA),
        _Route("/api/blobs/{digest}", Endpoint(store.create, OLLAMA), methods=["HEAD", "POST"]),
        _route("GET", "/health", upkeep.health, OLLAMA),
        _route("GET", "/metrics", upkeep.metrics, METRICS),
        _Route("/", PlainTextResponse("Ollama is running"), methods=["GET"]),
    ]
    pages = Pages(routes, hub, has_keys=has_keys)
    routes.append(_route("GET", "/openapi.json", pages.openapi, OLLAMA))
    routes.append(_route("GET", "/docs", pages.docs, PAGE))
    paths = (route.path for route in routes)
    return Watch(Router(routes, default=no_route), traffic, paths)


class _Route(Route):
    """A route that refuses other methods in its protocol's words."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.methods and scope["method"] not in self.methods:
            await wrong_method(scope, receive, send, allowed=self.methods)
        else:
            await self.app(scope, receive, send)


def _route(method: str, path: str, handler: Handler, protocol: Protocol) -> _Route:
    return _Route(path, Endpoint(handler, protocol), methods=[method])
