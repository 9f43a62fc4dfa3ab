"""Order texts by the cosine of their vectors to the query's, with any embedding model.

The second seam of a search: a RankModel. Cross-encoders are another.
"""

from collections.abc import Sequence

from simile.errors import InputError
from simile.numerics import unit
from simile.protocols import EmbeddingModel
from simile.ranking import check_rerank_input, ranked
from simile.retrieval.embedded import embedded
from simile.types import Ranked


class EmbeddingReranker:
    """An embedding model as a RankModel: it ranks by cosine, which `raw_scores` leaves as it is."""

    def __init__(self, model: EmbeddingModel) -> None:
        self._model = model
        self.name = model.name

    @property
    def max_tokens(self) -> int:
        """Longest text that is read whole, in tokens."""
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
        """See RankModel; raises what the model raises, and EngineError for what is no vector."""
        check_rerank_input(query, texts)
        if instruction:
            raise InputError(f"{self.name} takes no instruction; it is an embedding model")
        if not texts:
            return []
        asked = unit(embedded(self._model, [query], "query"))[0]
        scores = unit(embedded(self._model, texts, "document")) @ asked
        return ranked(scores, self.name, top_k)
