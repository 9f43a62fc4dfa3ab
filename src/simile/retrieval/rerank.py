"""Rerank texts by their cosine to the query, with any embedding model.

Implements RankModel, as cross-encoders do.
"""

from collections.abc import Sequence

from simile.errors import InputError
from simile.numerics import unit
from simile.protocols import EmbeddingModel
from simile.ranking import check_rerank_input, ranked
from simile.retrieval.embedded import embedded
from simile.types import Ranked


class EmbeddingReranker:
    """An embedding model as a RankModel: ranks by cosine, whatever `raw_scores` is."""

    def __init__(self, model: EmbeddingModel) -> None:
        self._model = model
        self.name = model.name

    @property
    def max_tokens(self) -> int:
        """Longest text that is not truncated, in tokens."""
        return self._model.max_tokens

    @property
    def fingerprint(self) -> str:
        """Equal for equal cosines."""
        return self._model.fingerprint

    def rank(
        self,
        query: str,
        texts: Sequence[str],
        *,
        top_k: int | None = None,
        raw_scores: bool = False,
        instruction: str | None = None,
    ) -> list[Ranked]:
        """See RankModel. Raises what the model raises, and EngineError for invalid vectors."""
        check_rerank_input(query, texts)
        if instruction:
            raise InputError(f"{self.name} is an embedding model, which takes no instruction")
        if not texts:
            return []
        asked = unit(embedded(self._model, [query], "query"))[0]
        scores = unit(embedded(self._model, texts, "document")) @ asked
        return ranked(scores, self.name, top_k)
