"""Answer text-embeddings-inference's routes: parse, call, render.

Knows the hub and the residency; does not know JSON keys, status codes or sockets.
"""

import asyncio
from dataclasses import replace

from simile.checkpoints.open import open_checkpoint
from simile.engine.residency import Residency
from simile.models.facts import ModelFacts
from simile.models.local_model import LocalModel
from simile.models.tokenizer import Tokenizer
from simile.server.embedding import Embedded, EmbedRequest, embed
from simile.server.http.endpoint import Call, Response
from simile.server.http.traffic import TEXT_BYTES, Traffic
from simile.server.inputs import check_count
from simile.server.local_models import LocalModels
from simile.server.model_names import AskedModel
from simile.server.served import Served
from simile.server.tei import wire as tei
from simile.server.timing import result_headers


class TeiHandlers:
    """The answers of one server to clients of text-embeddings-inference."""

    def __init__(
        self, models: LocalModels, residency: Residency, served: Served, traffic: Traffic
    ) -> None:
        self._models = models
        self._residency = residency
        self._served = served
        self._traffic = traffic
        self._tokenizer: tuple[str, Tokenizer, ModelFacts] | None = None
        """The last one that was asked for, by the model's digest."""

    async def embed(self, call: Call) -> Response:
        """POST /embed."""
        request = await call.read(tei.parse_embed)
        embedded = await self._embed(request, call)
        return Response(tei.render_embed(request, embedded), result_headers(embedded.result))

    async def similarity(self, call: Call) -> Response:
        """POST /similarity."""
        embedded = await self._embed(await call.read(tei.parse_similarity), call)
        return Response(tei.render_similarity(embedded), result_headers(embedded.result))

    async def _embed(self, request: EmbedRequest, call: Call) -> Embedded:
        """Choose the model where the request names none, and embed."""
        model = request.model or await self._served.embedder()
        return await embed(replace(request, model=model), self._residency, call)

    async def tokenize(self, call: Call) -> Response:
        """POST /tokenize; no model is loaded for it."""
        request = await call.read(tei.parse_tokenize)
        check_count(len(request.texts), "inputs")
        call.state.enqueue(len(request.texts))
        model = request.model or await self._served.any()
        return Response(await asyncio.to_thread(self._tokenize, model, request))

    def _tokenize(self, asked: AskedModel, request: tei.TokenizeRequest) -> bytes:
        tokenizer, facts = self._open_tokenizer(self._models.find(asked, "pull"))
        prefix = facts.named_prompt(request.prompt_name) if request.prompt_name else ""
        return tei.render_tokenize(
            [
                tokenizer.pieces(prefix + text, special_tokens=request.special_tokens)
                for text in request.texts
            ]
        )

    def _open_tokenizer(self, model: LocalModel) -> tuple[Tokenizer, ModelFacts]:
        known = self._tokenizer
        if known is None or known[0] != model.digest:
            facts = self._models.facts(model)
            fast = open_checkpoint(model.path).tokenizer()
            known = (model.digest, Tokenizer(fast, lowercase=facts.lowercase), facts)
            self._tokenizer = known
        return known[1], known[2]

    async def info(self, call: Call) -> Response:
        """GET /info."""
        asked = await self._served.any()
        return Response(await asyncio.to_thread(self._info, asked))

    def _info(self, asked: AskedModel) -> bytes:
        model = self._models.find(asked, "pull")
        return tei.render_info(
            model,
            self._models.facts(model),
            max_requests=self._traffic.max_queue,
            max_texts=self._traffic.max_held_bytes // TEXT_BYTES,
        )
