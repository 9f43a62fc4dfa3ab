"""Answer the rerank routes, all by one function: parse, call, render.

Knows which answer belongs to which path; does not know JSON keys, status codes or sockets.
"""

from simile.engine.residency import Residency
from simile.errors import ModelNotFoundError
from simile.server.http.endpoint import Call, Response
from simile.server.inputs import check_count
from simile.server.model_names import AskedModel, not_found
from simile.server.rerank.wire import RerankRequest, parse_rerank, render_rerank, render_texts
from simile.server.served import Served
from simile.server.timing import log_fields, result_headers
from simile.types import RerankResult


class RerankHandlers:
    """The answers of one server to those who want texts ordered by a query."""

    def __init__(self, residency: Residency, served: Served) -> None:
        self._residency = residency
        self._served = served

    async def rerank(self, call: Call) -> Response:
        """POST /rerank, /v1/rerank, /v2/rerank and /api/rerank."""
        request = await call.read(parse_rerank)
        model = request.model or await self._served.reranker()
        result = await self._rank(request, model, call)
        path = call.scope["path"]
        if path == "/rerank" and request.has_texts:
            body = render_texts(request, result)
        else:
            version = "2" if path.startswith("/v2/") else "1"
            id = call.state.id
            body = render_rerank(request, result, model=model.text, id=id, version=version)
        return Response(body, result_headers(result))

    async def _rank(self, request: RerankRequest, model: AskedModel, call: Call) -> RerankResult:
        """Join the queue and score the texts. Raises OverloadedError if the queue is full."""
        check_count(len(request.texts), "documents")
        call.state.enqueue(len(request.texts))
        try:
            using = self._residency.using(model.name, keep_alive_s=request.keep_alive_s)
            async with using as resident:
                future = resident.reranker.submit(
                    request.query,
                    request.texts,
                    raw_scores=request.raw_scores,
                    truncate=request.truncate,
                )
                result = await call.wait(future)
        except ModelNotFoundError as exc:
            raise not_found(model.text, "pull") from exc
        call.state.log_fields = log_fields(model.text, result)
        return result
