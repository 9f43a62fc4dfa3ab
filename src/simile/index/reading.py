"""The reading half of an index: search, ask, list, export; always on behalf of principals."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

from simile.index.resources import Resources
from simile.protocols import ChatModel, EmbeddingModel, RankModel
from simile.retrieval.ask import MIN_COSINE, Answer, choose_passages, hits_for
from simile.retrieval.fusion import Fusion
from simile.retrieval.prompt import DEFAULT_BUDGET_TOKENS, DEFAULT_TEMPLATE, Template
from simile.retrieval.ranking import (
    DEFAULT_K,
    Mode,
    Question,
    require_principals,
    require_question,
)
from simile.retrieval.recipe import counter, holds_vectors
from simile.retrieval.report import IndexStats, stats_of
from simile.retrieval.search import search
from simile.retrieval.walk import require_path
from simile.store import StoredChunk
from simile.types import Document, Embeddings, Hit


class ReadableIndex:
    """The reading half of `Index`.

    Every read is made on behalf of a set of principals. Without any, only public documents are
    visible.
    """

    def __init__(self, path: Path, resources: Resources) -> None:
        self.path = path
        self._resources = resources

    def search(
        self,
        query: str,
        *,
        k: int = DEFAULT_K,
        mode: Mode = "hybrid",
        principals: Iterable[str] = (),
        filter: str | None = None,
        alpha: float | None = None,
        fusion: Fusion = "convex",
        rerank: RankModel | EmbeddingModel | str | None = None,
        per_document: int | None = None,
        collapse: float | None = None,
        context: int = 0,
        explain: bool = False,
    ) -> list[Hit]:
        """Find the k best chunks that the principals may read, best first.

        Args:
            query: What to search for.
            k: Maximum number of hits, 1 to 10,000.
            mode: Which arms rank: both, `dense` (vectors) or `lexical` (words).
            principals: On whose behalf to search: `user:alice`, `group:eng`.
            filter: An expression over metadata: `year >= 2020 and lang = 'en'`.
            alpha: The weight of the dense arm, 0 to 1; by default what `tune` chose, else 0.6.
            fusion: How the arms are combined: `convex` or `rrf`.
            rerank: A model, or its name, that reorders the candidates.
            per_document: Maximum number of hits per document.
            collapse: Leave out hits whose vectors have at least this cosine to a better hit's.
            context: Number of neighbors on each side to return with a hit.
            explain: Whether hits explain their rank.

        Raises:
            InputError: An argument is invalid.
            FingerprintError: The index was made with another model.
            IndexNotFoundError, ModelError, EngineError: The index or model is missing or failed.
        """
        question = Question(
            query,
            k=k,
            mode=mode,
            principals=require_principals(principals),
            filter=filter,
            alpha=alpha,
            fusion=fusion,
            per_document=per_document,
            collapse=collapse,
            context=context,
            explain=explain,
        )
        require_question(question)
        store = self._resources.store()
        if not holds_vectors(store.meta()):  # no need to load a model
            return []
        model = None if mode == "lexical" else self._resources.model()
        return search(store, model, question, self._resources.models.ranker(rerank))

    def ask(
        self,
        question: str,
        *,
        chat: ChatModel | str | None,
        k: int = 8,
        budget_tokens: int = DEFAULT_BUDGET_TOKENS,
        principals: Iterable[str] = (),
        filter: str | None = None,
        rerank: RankModel | EmbeddingModel | str | None = None,
        min_cosine: float = MIN_COSINE,
        template: Template = DEFAULT_TEMPLATE,
    ) -> Answer:
        """Search, and stream a chat model's answer from the passages: iterate over the result.

        Args:
            question: The question to answer.
            chat: A chat model or its name, `ollama/NAME` or `openai/NAME`. With None, no model is
                asked; the result shows what would be sent.
            k: Maximum number of passages to choose from.
            budget_tokens: Maximum number of tokens of all passages together.
            principals: On whose behalf to search; the model sees only what they may read.
            filter: An expression over metadata, as in `search`.
            rerank: A model that reorders the candidates, as in `search`.
            min_cosine: Ask the model only if a passage has at least this cosine to the question.
            template: The text around passages and question.

        Raises:
            InputError: An argument is invalid; otherwise as `search` raises.
            ModelNotFoundError, RemoteEngineError: While iterating, if the model does not answer.
        """
        who = require_principals(principals)
        require_question(Question(question, k=k))
        hits = self.search(question, k=hits_for(k), principals=who, filter=filter, rerank=rerank)
        passages = choose_passages(
            hits,
            k=k,
            min_cosine=min_cosine,
            read=lambda id: self.get(id, principals=who),
            count_tokens=lambda texts: counter(self._resources.model())(texts),
            budget_tokens=budget_tokens,
        )
        model = None if chat is None else self._resources.models.chat(chat)
        return Answer(question, passages, model, template)

    def get(
        self, id: str, *, principals: Iterable[str] = (), everything: bool = False
    ) -> Document | None:
        """Return the document with this id, or None if none is readable by the principals."""
        who = require_principals(principals)
        return self._resources.store().document(id, principals=None if everything else who)

    def documents(
        self, *, principals: Iterable[str] = (), everything: bool = False
    ) -> Iterator[Document]:
        """Yield the documents that the principals may read, by id; `everything` yields all."""
        who = require_principals(principals)
        return self._resources.store().documents(principals=None if everything else who)

    def chunks(
        self, *, principals: Iterable[str] = ()
    ) -> Iterator[tuple[Embeddings, list[StoredChunk]]]:
        """Yield the chunks that the principals may read, in parts, with vectors (some, dim)."""
        from simile.retrieval.export import stored_vectors

        return stored_vectors(self._resources.store(), require_principals(principals))

    def export(
        self, path: Path | str, *, principals: Iterable[str] = (), everything: bool = False
    ) -> int:
        """Write the chunks and vectors that the principals may read; return how many.

        Args:
            path: `x.parquet` for one table; `x.faiss` for a FAISS index of chunk ids, plus
                `x.ndjson`; or a folder, for `vectors.npy` and `chunks.ndjson`.
            principals: On whose behalf to export.
            everything: Export every document, whoever may read it.

        Raises:
            InputError, MissingExtraError, StoreError: The format or the file cannot be written.
        """
        from simile.retrieval.export import export

        allowed = None if everything else require_principals(principals)
        return export(self._resources.store(), require_path(path), allowed)

    def stats(self) -> IndexStats:
        """Count what is in the index."""
        return stats_of(self._resources.store())

    def close(self) -> None:
        """Release files, and models that were loaded by name; safe to call twice."""
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
