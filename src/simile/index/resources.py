"""An index's store, models and cache, each opened once, on first use."""

import threading
from functools import cached_property
from pathlib import Path

from simile.config import DEFAULT_MODEL, read_settings
from simile.errors import IndexNotFoundError, StoreError
from simile.index.named_models import NamedModels
from simile.protocols import EmbeddingModel
from simile.retrieval.recipe import MODEL, require_model
from simile.store import EmbeddingCache, SqliteStore


class Resources:
    """The open resources of an index; safe for threads to share."""

    def __init__(
        self, path: Path, embedder: EmbeddingModel | str | None, language: str | None
    ) -> None:
        self._path = path
        self._given = embedder
        self._language = language
        self._lock = threading.RLock()
        self._store: SqliteStore | None = None
        self.models = NamedModels()

    def store(self, *, create: bool = False) -> SqliteStore:
        """Return the store. Raises IndexNotFoundError if it is missing, unless `create`."""
        with self._lock:
            if self._store is None:
                self._store = SqliteStore(self._path, create=create, language=self._language)
            return self._store

    def store_if_there(self) -> SqliteStore | None:
        """Return the store, or None if it is missing."""
        try:
            return self.store()
        except IndexNotFoundError:
            return None

    def model(self) -> EmbeddingModel:
        """Return the given embedding model, or the one that the index was made with."""
        given = self._given or self.store().meta().get(MODEL, DEFAULT_MODEL)
        return self.models.embedder(given)

    def require_given(self) -> None:
        """Raise FingerprintError if the given model is not the one that the index was made with."""
        meta = self.store(create=True).meta()
        if self._given is not None and self._given != meta.get(MODEL, self._given):
            require_model(meta, self.model())

    @cached_property
    def cache(self) -> EmbeddingCache | None:
        """The cache of vectors; None if it cannot be written, which only costs computation."""
        try:
            return EmbeddingCache(read_settings().embedding_cache)
        except StoreError:
            return None

    def close(self) -> None:
        """Close everything; later use opens it again."""
        with self._lock:
            self.models.close()
            cache = vars(self).pop("cache", None)
            for part in (cache, self._store):
                if part is not None:
                    part.close()
            self._store = None
