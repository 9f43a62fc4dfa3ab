"""Answer OpenAI's routes: parse, call, render.

Knows the hub and the residency; does not know JSON keys, status codes or sockets.
"""

import asyncio

from simile.engine.residency import Residency
from simile.server.embedding import embed
from simile.server.http.endpoint import Call, Response
from simile.server.local_models import LocalModels
from simile.server.model_names import AskedModel, read_name
from simile.server.openai import wire
from simile.server.timing import result_headers


class OpenAIHandlers:
    """The answers of one server to OpenAI's clients."""

    def __init__(self, models: LocalModels, residency: Residency) -> None:
        self._models = models
        self._residency = residency

    async def embeddings(self, call: Call) -> Response:
        """POST /v1/embeddings."""
        request = await call.read(wire.parse_embeddings)
        embedded = await embed(request, self._residency, call)
        return Response(wire.render_embeddings(request, embedded), result_headers(embedded.result))

    async def models(self, call: Call) -> Response:
        """GET /v1/models."""
        return Response(wire.render_models(await asyncio.to_thread(self._models.hub.models)))

    async def model(self, call: Call) -> Response:
        """GET /v1/models/{id}; all models without an id, as after a redirect."""
        text: str = call.scope["path_params"]["id"]
        if not text:
            return await self.models(call)
        name = read_name(text)
        model = await asyncio.to_thread(self._models.find, AskedModel(name.display, name))
        return Response(wire.render_model(model, text) + b"\n")
