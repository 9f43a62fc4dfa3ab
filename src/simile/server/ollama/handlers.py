"""Answer each route: parse, call, render.

Knows which functions belong to which route; does not know JSON keys, status codes or sockets.
"""

import asyncio

from simile.checkpoints.open import open_checkpoint
from simile.engine.residency import Residency
from simile.models.facts import ModelFacts
from simile.models.local_model import LocalModel
from simile.models.tokenizer import Tokenizer
from simile.server.embedding import embed
from simile.server.http.endpoint import Call, Response
from simile.server.local_models import LocalModels
from simile.server.model_names import AskedModel
from simile.server.ollama import embed as ollama
from simile.server.ollama import models as ollama_models
from simile.server.timing import result_headers, timing_headers


class OllamaHandlers:
    """The answers of one server, from its models and the engine that holds them."""

    def __init__(self, models: LocalModels, residency: Residency) -> None:
        self._models = models
        self._residency = residency

    async def embed(self, call: Call) -> Response:
        """POST /api/embed."""
        request = await call.read(ollama.parse_embed)
        embedded = await embed(request, self._residency, call)
        return Response(ollama.render_embed(request, embedded), result_headers(embedded.result))

    async def embeddings(self, call: Call) -> Response:
        """POST /api/embeddings."""
        request = await call.read(ollama.parse_embeddings)
        embedded = await embed(request, self._residency, call)
        return Response(ollama.render_embeddings(embedded), timing_headers(embedded.result))

    async def tags(self, call: Call) -> Response:
        """GET /api/tags."""
        return Response(ollama_models.render_tags(await asyncio.to_thread(self._models.all)))

    async def show(self, call: Call) -> Response:
        """POST /api/show."""
        request = await call.read(ollama_models.parse_show)
        model, facts = await asyncio.to_thread(self._look_up, request.model)
        inside = await asyncio.to_thread(_look_inside, model) if request.verbose else None
        return Response(ollama_models.render_show(model, facts, inside))

    async def ps(self, call: Call) -> Response:
        """GET /api/ps."""
        return Response(ollama_models.render_ps(self._residency.residents()))

    async def status(self, call: Call) -> Response:
        """GET /api/status."""
        return Response(ollama_models.render_status())

    async def version(self, call: Call) -> Response:
        """GET /api/version."""
        return Response(ollama_models.render_version())

    def _look_up(self, asked: AskedModel) -> tuple[LocalModel, ModelFacts]:
        model = self._models.find(asked)
        return model, self._models.facts(model)


def _look_inside(model: LocalModel) -> ollama_models.Inside:
    checkpoint = open_checkpoint(model.path)
    tokens = Tokenizer(checkpoint.tokenizer()).tokens()
    return ollama_models.Inside(tokens, checkpoint.tensors().shapes)
