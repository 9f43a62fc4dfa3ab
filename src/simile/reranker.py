"""The face that people import: a model that orders texts by a query, by name.

Chooses the implementation; holds no logic of its own.
"""

from collections.abc import Sequence
from typing import Protocol, Self

from simile.protocols import RankModel
from simile.types import Precision, Ranked


class _Engine(RankModel, Protocol):
    @property
    def max_tokens(self) -> int: ...

    @property
    def fingerprint(self) -> str: ...

    def rank(
        self,
        query: str,
        texts: Sequence[str],
        *,
        top_k: int | None = None,
        raw_scores: bool = False,
        instruction: str | None = None,
    ) -> list[Ranked]: ...


class Reranker:
    """A model that says how well texts answer a query; safe to use from any thread."""

    def __init__(self, model: str, *, precision: Precision = "auto") -> None:
        """Load a model.

        Args:
            model: The name or path of a cross-encoder, of Qwen3-Reranker or of any embedding model.
                An embedding model, also a provider's, ranks by the cosine of vectors.
            precision: Arithmetic of a local model.

        Raises:
            Whatever `Embedder` raises.
        """
        from simile.embedder import Embedder, find_local
        from simile.providers.named import provider_of
        from simile.retrieval.rerank import EmbeddingReranker

        self.name = model
        self._engine: _Engine
        if provider_of(model):
            embedder = Embedder(model)
            self._engine, self._close = EmbeddingReranker(embedder), embedder.close
        else:
            from simile.engine.cross_encoder import LocalReranker
            from simile.engine.loading import load

            loaded = load(find_local(model), precision=precision)
            self._engine = (
                loaded if isinstance(loaded, LocalReranker) else EmbeddingReranker(loaded)
            )
            self._close = loaded.close

    @property
    def max_tokens(self) -> int:
        """Longest input that is read whole, in tokens: a cross-encoder's holds the query, too."""
        return self._engine.max_tokens

    @property
    def fingerprint(self) -> str:
        """Equal for equal scores: model digest, activation, window."""
        return self._engine.fingerprint

    def rank(
        self,
        query: str,
        texts: Sequence[str],
        *,
        top_k: int | None = None,
        raw_scores: bool = False,
        instruction: str | None = None,
    ) -> list[Ranked]:
        """Order texts by how well they answer a query. Blocks until done.

        Args:
            query: The query.
            texts: A list of strings. A text that is too long is cut, before the query is.
            top_k: Return only the best.
            raw_scores: Return logits instead of scores from 0 to 1. Cosines stay cosines.
            instruction: What is looked for, in words; for Qwen3-Reranker.

        Returns:
            The places and scores of the texts, best first, equal ones in their order.

        Raises:
            InputError: An item is not a string, or the model takes no instruction.
            EngineError: The computation failed; otherwise as `Embedder.embed`.
        """
        return self._engine.rank(
            query, texts, top_k=top_k, raw_scores=raw_scores, instruction=instruction
        )

    def close(self) -> None:
        """Free the model; also done when the object is forgotten, or at the end of a `with`."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
