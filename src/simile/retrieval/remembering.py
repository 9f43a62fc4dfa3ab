"""Embed texts with a cache, and count what had to be computed.

Each distinct text of a call is computed once. Queries are not cached.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simile.errors import NotFiniteError, StoreError
from simile.protocols import EmbeddingModel
from simile.retrieval.embedded import embedded
from simile.store import EmbeddingCache, hash_text
from simile.types import Embeddings


@dataclass(frozen=True)
class Computed:
    """The work done for a run's texts."""

    embedded: int = 0
    """Texts that the model computed."""
    remembered: int = 0
    """Texts whose vectors were cached."""
    tokens: int = 0
    """Tokens of the embedded texts, as the model counts them."""

    def __add__(self, other: "Computed") -> "Computed":
        return Computed(
            self.embedded + other.embedded,
            self.remembered + other.remembered,
            self.tokens + other.tokens,
        )


class RememberingModel:
    """Embeds documents' texts; safe for threads to share."""

    def __init__(
        self,
        model: EmbeddingModel,
        cache: EmbeddingCache | None,
        count: Callable[[Sequence[str]], Sequence[int]],
    ) -> None:
        self._model = model
        self._cache = cache
        self._count = count
        self._lock = threading.Lock()
        self.computed = Computed()

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """Return vectors, float32 (n, dim); rows that the model could not compute are NaN.

        Raises what the model raises, and EngineError unless it returns one vector per text.
        """
        hashes = [hash_text(text) for text in texts]
        known = self._known(hashes)
        pairs = zip(hashes, texts, strict=True)
        missing = {hash: text for hash, text in pairs if hash not in known}
        if missing:
            computed = self._compute(list(missing.values()))
            known |= zip(missing, computed, strict=True)
            if self._cache:
                with suppress(StoreError):
                    self._cache.put(self._model.fingerprint, list(missing), computed)
        with self._lock:
            self.computed += Computed(len(missing), len(texts) - len(missing))
        return np.stack([known[hash] for hash in hashes])

    def _known(self, hashes: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        """Return valid cached vectors; none if the cache fails, which only costs computation."""
        if self._cache:
            with suppress(StoreError):
                found = self._cache.get(self._model.fingerprint, hashes)
                return {
                    hash: vector
                    for hash, vector in found.items()
                    if vector.shape == (self._model.dim,) and np.isfinite(vector).all()
                }
        return {}

    def _compute(self, texts: Sequence[str]) -> Embeddings:
        tokens = sum(self._count(texts))
        with self._lock:
            self.computed += Computed(tokens=int(tokens))
        try:
            return embedded(self._model, texts, "document")
        except NotFiniteError as exc:
            return exc.vectors
