"""Models that an index was given by name, each loaded once, on first use."""

import threading
from typing import TYPE_CHECKING, cast

from simile.errors import InputError
from simile.protocols import ChatModel, EmbeddingModel, RankModel

if TYPE_CHECKING:
    from simile.chat import Chat
    from simile.embedder import Embedder
    from simile.reranker import Reranker


class NamedModels:
    """Models by name; safe for threads to share. Models passed in as objects are not closed."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._embedders: dict[str, Embedder] = {}
        self._rerankers: dict[str, Reranker] = {}
        self._chats: dict[str, Chat] = {}

    def embedder(self, given: EmbeddingModel | str) -> EmbeddingModel:
        """Return the embedding model. Raises what `Embedder` raises."""
        from simile.embedder import Embedder

        if not isinstance(given, str):
            if not callable(getattr(given, "embed", None)):
                raise InputError(f"{given!r} has no `embed`; expected a model or its name")
            return given
        with self._lock:
            if given not in self._embedders:
                self._embedders[given] = Embedder(given)
            return self._embedders[given]

    def ranker(self, given: RankModel | EmbeddingModel | str | None) -> RankModel | None:
        """Return the ranker: as given, by name, or an embedding model that ranks by cosine."""
        from simile.reranker import Reranker
        from simile.retrieval.rerank import EmbeddingReranker

        if given is None or hasattr(given, "rank"):
            return cast("RankModel | None", given)
        if not isinstance(given, str) or given in self._embedders:
            return EmbeddingReranker(self.embedder(given))
        with self._lock:
            if given not in self._rerankers:
                self._rerankers[given] = Reranker(given)
            return self._rerankers[given]

    def chat(self, given: ChatModel | str) -> ChatModel:
        """Return the chat model. Raises InputError for an invalid name."""
        from simile.chat import Chat

        if not isinstance(given, str):
            return given
        with self._lock:
            if given not in self._chats:
                self._chats[given] = Chat(given)
            return self._chats[given]

    def close(self) -> None:
        """Close the models that were loaded by name; safe to call twice."""
        with self._lock:
            for embedder in self._embedders.values():
                embedder.close()
            for reranker in self._rerankers.values():
                reranker.close()
            for chat in self._chats.values():
                chat.close()
            self._embedders.clear()
            self._rerankers.clear()
            self._chats.clear()
