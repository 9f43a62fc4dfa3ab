"""Order texts by the cosine of their vectors to the query's, with any embedding model.

The second seam of a search: a RankModel. Cross-encoders are another.
"""

from collections.abc import Sequence

import numpy as np

from simile.errors import InputError
from simile.retrieval.vectors import embedded, unit
from simile.types import EmbeddingModel, Ranked


class EmbeddingRanker:
    """A RankModel that compares vectors."""

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
        """The texts' places and cosines, best first, equal ones in their order. Blocks.

        `raw_scores` changes nothing: a cosine is what the model gives. InputError for an
        instruction, which no embedding model takes.
        """
        if instruction:
            raise InputError(f"{self.name} takes no instruction; it is an embedding model")
        if not texts:
            return []
        asked = unit(embedded(self._model, [query], "query"))[0]
        scores = unit(embedded(self._model, texts, "document")) @ asked
        best = np.argsort(-scores, kind="stable")[:top_k]
        return [Ranked(int(place), float(scores[place]), self.name) for place in best]
