"""Score texts by the cosine of their vectors to a query's, without blocking; for servers.

Turns a loaded embedding model into what a server asks of a reranker. Does not know HTTP.
"""

from collections.abc import Sequence
from concurrent.futures import Future

from simile.engine.embedder import LocalEmbedder
from simile.engine.futures import converted
from simile.numerics import unit
from simile.ranking import check_rerank_input
from simile.types import EmbedResult, RerankResult


class CosineScorer:
    """Compares vectors of an embedder, which somebody else closes."""

    def __init__(self, embedder: LocalEmbedder) -> None:
        self._embedder = embedder

    def submit(
        self,
        query: str,
        texts: Sequence[str],
        *,
        raw_scores: bool = False,
        max_tokens: int | None = None,
        truncate: bool = True,
    ) -> Future[RerankResult]:
        """Ask for the cosine of each text to the query, and return at once.

        `raw_scores` changes nothing: a cosine is what the model gives. The query is embedded as a
        query and the texts as documents, each cut to max_tokens. Raises InputError and
        WindowTooSmallError; the future fails as those of the embedder do.
        """
        check_rerank_input(query, texts)
        asked = self._embedder.submit(
            [query], role="query", max_tokens=max_tokens, truncate=truncate
        )
        given = self._embedder.submit(
            texts, role="document", max_tokens=max_tokens, truncate=truncate
        )
        return converted(_compared, asked, given)


def _compared(asked: EmbedResult, given: EmbedResult) -> RerankResult:
    return RerankResult(
        unit(given.vectors) @ unit(asked.vectors)[0],
        given.token_counts,
        given.truncated,
        queue_s=given.queue_s,
        inference_s=asked.inference_s + given.inference_s,
    )
