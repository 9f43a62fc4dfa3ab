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
        """Load a model by name or path: a cross-encoder, Qwen3-Reranker, or any embedding model.

        An embedding model, also one elsewhere (`ollama/NAME`, `openai/NAME`), ranks by the cosine
        of vectors. Raises what `Embedder` raises.
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
        """See RankModel.

        An instruction says what is looked for, to Qwen3-Reranker. What is too long for the model
        is cut: of a pair the text, before the query. Raises InputError also for an instruction that
        the model does not take, and what `Embedder.embed` raises.
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
