"""Answer text-embeddings-inference's routes: parse, call, render.

Knows the hub and the residency; does not know JSON keys, status codes or sockets.
"""

import asyncio
from dataclasses import replace

from simile.checkpoints.open import open_checkpoint
from simile.engine.residency import Residency
from simile.hub.hub import Hub
from simile.models.facts import ModelFacts
from simile.models.local_model import LocalModel
from simile.models.open import read_facts
from simile.models.tokenizer import Tokenizer
from simile.server.embedding import Embedded, EmbedRequest, embed, prompt
from simile.server.http.endpoint import Call, Response
from simile.server.http.traffic import TEXT_BYTES, Traffic
from simile.server.served import Served
from simile.server.tei import wire as tei
from simile.server.timing import result_headers


class TeiHandlers:
    """The answers of one server to clients of text-embeddings-inference."""

    def __init__(self, hub: Hub, residency: Residency, served: Served, traffic: Traffic) -> None:
        self._hub = hub
        self._residency = residency
        self._served = served
        self._traffic = traffic
        self._tokenizer: tuple[str, Tokenizer, ModelFacts] | None = None
        """The last one that was asked for, by the model's digest."""

    async def embed(self, call: Call) -> Response:
        """POST /embed."""
        request = tei.parse_embed(call.body)
        embedded = await self._embed(request, call)
        return Response(tei.render_embed(request, embedded), result_headers(embedded.result))

    async def similarity(self, call: Call) -> Response:
        """POST /similarity."""
        embedded = await self._embed(tei.parse_similarity(call.body), call)
        return Response(tei.render_similarity(embedded), result_headers(embedded.result))

    async def _embed(self, request: EmbedRequest, call: Call) -> Embedded:
        """Choose the model where the request names none, and embed."""
        if not request.model:
            request = replace(request, model=await self._served.embedder())
        return await embed(request, self._residency, call)

    async def tokenize(self, call: Call) -> Response:
        """POST /tokenize; no model is loaded for it."""
        request = tei.parse_tokenize(call.body)
        call.state.enqueue(len(request.texts))
        name = request.model or await self._served.any()
        return Response(await asyncio.to_thread(self._tokenize, name, request))

    def _tokenize(self, name: str, request: tei.TokenizeRequest) -> bytes:
        tokenizer, facts = self._open_tokenizer(self._hub.find(name))
        prefix = prompt(request.prompt_name, facts) if request.prompt_name else ""
        return tei.render_tokenize(
            [
                tokenizer.pieces(prefix + text, special_tokens=request.special_tokens)
                for text in request.texts
            ]
        )

    def _open_tokenizer(self, model: LocalModel) -> tuple[Tokenizer, ModelFacts]:
        known = self._tokenizer
        if known is None or known[0] != model.digest:
            facts = read_facts(model)
            fast = open_checkpoint(model.path).tokenizer()
            known = (model.digest, Tokenizer(fast, lowercase=facts.lowercase), facts)
            self._tokenizer = known
        return known[1], known[2]

    async def info(self, call: Call) -> Response:
        """GET /info."""
        name = await self._served.any()
        model, facts = await asyncio.to_thread(self._look_up, name)
        body = tei.render_info(
            model,
            facts,
            max_requests=self._traffic.max_queue,
            max_texts=self._traffic.max_held_bytes // TEXT_BYTES,
        )
        return Response(body)

    def _look_up(self, name: str) -> tuple[LocalModel, ModelFacts]:
        model = self._hub.find(name)
        return model, read_facts(model)
