"""Any loaded embedding model as a reranker: the cosine of each text's vector to the query's.

The same face as a cross-encoder has. Does not know HTTP.
"""

from collections.abc import Sequence
from concurrent.futures import Future

import numpy as np

from simile.engine.embedder import LocalEmbedder
from simile.engine.futures import converted
from simile.engine.ranking import check_rerank_input, ranked
from simile.errors import InputError
from simile.types import Embeddings, EmbedResult, Ranked, RerankResult


class EmbeddingReranker:
    """Compares vectors of an embedder, which stays its owner's until `close`."""

    def __init__(self, embedder: LocalEmbedder) -> None:
        self._embedder = embedder
        self.name = embedder.name
        self.max_tokens = embedder.max_tokens
        self.context_length = embedder.context_length
        self.fingerprint = embedder.fingerprint

    def rank(
        self,
        query: str,
        texts: Sequence[str],
        *,
        top_k: int | None = None,
        raw_scores: bool = False,
        instruction: str | None = None,
        max_tokens: int | None = None,
        truncate: bool = True,
    ) -> list[Ranked]:
        """The texts' places and cosines, best first, equal ones in their order. Blocks."""
        result = self.submit(
            query, texts, instruction=instruction, max_tokens=max_tokens, truncate=truncate
        ).result()
        return ranked(result.scores, self.name, top_k)

    def submit(
        self,
        query: str,
        texts: Sequence[str],
        *,
        raw_scores: bool = False,
        instruction: str | None = None,
        max_tokens: int | None = None,
        truncate: bool = True,
    ) -> Future[RerankResult]:
        """Ask for the cosine of each text to the query, and return at once; for servers.

        `raw_scores` changes nothing: a cosine is what the model gives. The query is embedded as a
        query and the texts as documents, each cut to max_tokens. Raises InputError, also for an
        instruction, and WindowTooSmallError; the future fails as those of the embedder do.
        """
        check_rerank_input(query, texts)
        if instruction:
            raise InputError(f"{self.name} takes no instruction; it is an embedding model")
        facts = self._embedder.facts
        asked = self._embedder.submit(
            [query], prefix=facts.prefix("query"), max_tokens=max_tokens, truncate=truncate
        )
        given = self._embedder.submit(
            texts, prefix=facts.prefix("document"), max_tokens=max_tokens, truncate=truncate
        )
        return converted(_compared, asked, given)

    def close(self) -> None:
        """Close the embedder."""
        self._embedder.close()


def _compared(asked: EmbedResult, given: EmbedResult) -> RerankResult:
    return RerankResult(
        _unit(given.vectors) @ _unit(asked.vectors)[0],
        given.token_counts,
        given.truncated,
        queue_s=given.queue_s,
        inference_s=asked.inference_s + given.inference_s,
    )


def _unit(vectors: Embeddings) -> Embeddings:
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)
