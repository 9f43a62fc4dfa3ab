"""Bind paths and methods to handlers: the ASGI application of the server.

Knows routes only. Access control comes before it (access); requests without a route are rejected in
refusals.
"""

from collections.abc import Sequence

from starlette.responses import PlainTextResponse
from starlette.routing import Router

from simile.engine.residency import Residency
from simile.hub.hub import Hub
from simile.server.http.dialects import JINA, OLLAMA, OPENAI, TEI
from simile.server.http.endpoint import Endpoint
from simile.server.http.refusals import no_route
from simile.server.http.routes import DialectRoute, route, texts_route
from simile.server.http.traffic import Traffic
from simile.server.http.watch import Watch
from simile.server.local_models import LocalModels
from simile.server.ollama.change_handlers import ChangeHandlers
from simile.server.ollama.handlers import OllamaHandlers
from simile.server.openai.handlers import OpenAIHandlers
from simile.server.rerank.handlers import RerankHandlers
from simile.server.served import Served
from simile.server.spec.handlers import PAGE, SpecHandlers
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

    Without allow_pull no client can make the server fetch a model. has_keys says whether the
    OpenAPI document mentions keys; `Access` checks them. models serve the requests that name none.
    Wrap further applications with `Watch.around`, so that their refusals are counted.
    """
    traffic = traffic or Traffic()
    local = LocalModels(hub)
    served = Served(local, models)
    ollama, openai = OllamaHandlers(local, residency), OpenAIHandlers(local, residency)
    routes = [
        # The router tries them in order, so the most frequent come first.
        texts_route("/api/embed", ollama.embed, OLLAMA),
        texts_route("/v1/embeddings", openai.embeddings, OPENAI),
        texts_route("/api/embeddings", ollama.embeddings, OLLAMA),
        *_rerank_routes(RerankHandlers(residency, served)),
        *_tei_routes(TeiHandlers(local, residency, served, traffic)),
        *_model_routes(ollama, openai),
        *_change_routes(ChangeHandlers(local, residency, allow_pull=allow_pull)),
        *_own_routes(Upkeep(residency, traffic), SpecHandlers(local, has_keys=has_keys)),
        DialectRoute(["GET"], "/", PlainTextResponse("Ollama is running"), OLLAMA),
    ]
    return Watch(Router(routes, default=no_route), traffic, routes)


def _rerank_routes(rerank: RerankHandlers) -> list[DialectRoute]:
    dialects = {"/v1/rerank": JINA, "/v2/rerank": TEI, "/api/rerank": OLLAMA, "/rerank": TEI}
    return [texts_route(path, rerank.rerank, dialect) for path, dialect in dialects.items()]


def _tei_routes(tei: TeiHandlers) -> list[DialectRoute]:
    return [
        texts_route("/embed", tei.embed, TEI),
        texts_route("/similarity", tei.similarity, TEI),
        texts_route("/tokenize", tei.tokenize, TEI),
        route("GET", "/info", tei.info, TEI),
    ]


def _model_routes(ollama: OllamaHandlers, openai: OpenAIHandlers) -> list[DialectRoute]:
    return [
        route("GET", "/api/version", ollama.version, OLLAMA),
        route("GET", "/api/status", ollama.status, OLLAMA),
        route("GET", "/api/tags", ollama.tags, OLLAMA),
        route("GET", "/api/ps", ollama.ps, OLLAMA),
        route("POST", "/api/show", ollama.show, OLLAMA),
        route("GET", "/v1/models", openai.models, OPENAI),
        route("GET", "/v1/models/{id:path}", openai.model, OPENAI),
    ]


def _change_routes(changes: ChangeHandlers) -> list[DialectRoute]:
    blobs = Endpoint(changes.create, OLLAMA)
    return [
        route("POST", "/api/pull", changes.pull, OLLAMA),
        route("POST", "/api/copy", changes.copy, OLLAMA),
        route("DELETE", "/api/delete", changes.delete, OLLAMA),
        texts_route("/api/generate", changes.generate, OLLAMA),
        texts_route("/api/chat", changes.chat, OLLAMA),
        route("POST", "/api/create", changes.create, OLLAMA),
        route("POST", "/api/push", changes.push, OLLAMA),
        DialectRoute(["HEAD", "POST"], "/api/blobs/{digest}", blobs, OLLAMA),
    ]


def _own_routes(upkeep: Upkeep, spec: SpecHandlers) -> list[DialectRoute]:
    return [
        route("GET", "/health", upkeep.health, OLLAMA),
        route("GET", "/metrics", upkeep.metrics, METRICS),
        route("GET", "/openapi.json", spec.openapi, OLLAMA),
        route("GET", "/docs", spec.page, PAGE),
    ]
