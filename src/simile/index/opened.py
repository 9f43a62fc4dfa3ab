"""What an index has open: its files and its models, each once, when it is needed first.

For the face `Index` alone, which it leaves with nothing but what people call.
"""

import threading
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

from simile.config import DEFAULT_MODEL, read_settings
from simile.errors import IndexNotFoundError, InputError, StoreError
from simile.retrieval.recipe import MODEL, require_model
from simile.store import EmbeddingCache, SqliteStore
from simile.types import ChatModel, EmbeddingModel, RankModel

if TYPE_CHECKING:
    from simile.chat import Chat
    from simile.embedder import Embedder
    from simile.reranker import Reranker


class NamedModels:
    """May be shared by threads. A model that is handed in as an object stays its owner's."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._embedders: dict[str, Embedder] = {}
        self._rerankers: dict[str, Reranker] = {}
        self._chats: dict[str, Chat] = {}

    def embedder(self, given: EmbeddingModel | str) -> EmbeddingModel:
        """The embedding model; raises what `Embedder` raises."""
        from simile.embedder import Embedder

        if not isinstance(given, str):
            if not callable(getattr(given, "embed", None)):
                raise InputError(f"{given!r} does not embed; expected a model, or a model's name")
            return given
        with self._lock:
            if given not in self._embedders:
                self._embedders[given] = Embedder(given)
            return self._embedders[given]

    def ranker(self, given: RankModel | EmbeddingModel | str | None) -> RankModel | None:
        """What ranks: as it is, or an embedding model whose cosines do."""
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
        """The chat model; InputError for a name that is none."""
        from simile.chat import Chat

        if not isinstance(given, str):
            return given
        with self._lock:
            if given not in self._chats:
                self._chats[given] = Chat(given)
            return self._chats[given]

    def close(self) -> None:
        """Close what was loaded here; safe to call twice."""
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


class OpenedIndex:
    """May be shared by threads."""

    def __init__(
        self, path: Path, embedder: EmbeddingModel | str | None, language: str | None
    ) -> None:
        self._path = path
        self._given = embedder
        self._language = language
        self._lock = threading.RLock()
        self._opened: SqliteStore | None = None
        self.models = NamedModels()

    def store(self, *, create: bool = False) -> SqliteStore:
        """The store; IndexNotFoundError where there is none, unless it is to be made."""
        with self._lock:
            if self._opened is None:
                self._opened = SqliteStore(self._path, create=create, language=self._language)
            return self._opened

    def store_if_there(self) -> SqliteStore | None:
        """The store; None where there is none."""
        try:
            return self.store()
        except IndexNotFoundError:
            return None

    def model(self) -> EmbeddingModel:
        """The embedding model that was given, or that the index was made with."""
        given = self._given or self.store().meta().get(MODEL, DEFAULT_MODEL)
        return self.models.embedder(given)

    def require_given(self) -> None:
        """FingerprintError if another model was given than the index was made with."""
        meta = self.store(create=True).meta()
        if self._given is not None and self._given != meta.get(MODEL, self._given):
            require_model(meta, self.model())

    @cached_property
    def cache(self) -> EmbeddingCache | None:
        """Vectors of texts; None where it cannot be written: that only costs computing."""
        try:
            return EmbeddingCache(read_settings().embedding_cache)
        except StoreError:
            return None

    def close(self) -> None:
        """Close all; what is needed afterwards is opened again."""
        with self._lock:
            self.models.close()
            cache = vars(self).pop("cache", None)
            for part in (cache, self._opened):
                if part is not None:
                    part.close()
            self._opened = None
