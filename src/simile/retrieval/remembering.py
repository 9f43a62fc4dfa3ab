"""An embedding model that asks a cache first, and counts what it had to compute.

Each text is computed once, however often it comes in a call. Queries are not remembered.
"""

import threading
from collections.abc import Callable, Sequence

import numpy as np

from simile.errors import EngineError, NotFiniteError
from simile.store import EmbeddingCache, hash_text
from simile.types import EmbeddingModel, Embeddings


class RememberingModel:
    """Embeds documents' texts; may be shared by threads."""

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
        self.embedded = self.remembered = self.tokens = 0

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """Vectors, float32 (n, dim); rows that the model could not compute are NaN.

        Raises what the model raises, and EngineError if it does not give a vector for each text.
        """
        hashes = [hash_text(text) for text in texts]
        known = self._cache.get(self._model.fingerprint, hashes) if self._cache else {}
        pairs = zip(hashes, texts, strict=True)
        missing = {hash: text for hash, text in pairs if hash not in known}
        if missing:
            computed = self._compute(list(missing.values()))
            known |= zip(missing, computed, strict=True)
            if self._cache:
                self._cache.put(self._model.fingerprint, list(missing), computed)
        with self._lock:
            self.embedded += len(missing)
            self.remembered += len(texts) - len(missing)
        return np.stack([known[hash] for hash in hashes])

    def _compute(self, texts: Sequence[str]) -> Embeddings:
        tokens = sum(self._count(texts))
        with self._lock:
            self.tokens += int(tokens)
        try:
            vectors = np.asarray(self._model.embed(texts, role="document"), dtype=np.float32)
        except NotFiniteError as exc:
            vectors = exc.vectors
        if vectors.ndim != 2 or len(vectors) != len(texts):
            raise EngineError(
                f"{self._model.name} gave an array of shape {vectors.shape} for {len(texts)} "
                "texts; expected one vector for each"
            )
        return vectors
