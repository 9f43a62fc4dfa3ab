"""Cut documents into chunks, embed them in batches and store them, in bounded memory.

While one batch is embedded, the next is read and cut. A document is written in one transaction,
replacing its old version. Does not know files, or what changed.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from time import monotonic

import numpy as np

from simile.documents import embedded_text
from simile.errors import FingerprintError, InputError
from simile.numerics import unit
from simile.protocols import EmbeddingModel
from simile.retrieval.changes import Incoming, Removal, ToStore
from simile.retrieval.recipe import Chunking, chunks_of, counter, fingerprint
from simile.retrieval.remembering import Computed, RememberingModel
from simile.store import EmbeddingCache, SourceFile, Store, StoredDocument
from simile.types import Chunk, Embeddings

BATCH_TEXTS = 256
BATCH_CHARACTERS = 1_000_000
BATCHES_AHEAD = 3
FLUSH_S = 10.0
"""Interval at which written documents become visible to readers in other processes."""


@dataclass(frozen=True)
class Written:
    """The outcome of one batch."""

    stored: tuple[Incoming, ...] = ()
    failed: tuple[tuple[Incoming, str], ...] = ()
    """Documents that could not be stored, and why."""
    removed: int = 0
    computed: Computed = Computed()
    """Work of the whole run so far."""


@dataclass
class _Batch:
    documents: list[tuple[Incoming, list[Chunk]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    characters: int = 0
    removed: set[str] = field(default_factory=set)
    sources: list[SourceFile] = field(default_factory=list)

    @property
    def full(self) -> bool:
        return (
            len(self.texts) >= BATCH_TEXTS
            or self.characters >= BATCH_CHARACTERS
            or len(self.documents) + len(self.sources) >= BATCH_TEXTS
        )


class Ingest:
    """Embeds and writes a stream of documents into a store whose lock the caller holds."""

    def __init__(
        self,
        store: Store,
        open_model: Callable[[], EmbeddingModel],
        chunking: Chunking,
        *,
        cache: EmbeddingCache | None,
        flush: bool = True,
    ) -> None:
        """Open the model only for the first document.

        `flush` makes the documents visible to readers in other processes every ten seconds.
        """
        self._store = store
        self._open_model = open_model
        self._chunking = chunking
        self._cache = cache
        self._remembering: RememberingModel | None = None
        self._failed_sources: set[str] = set()
        self._flush = flush
        self._flushed = monotonic()

    def run(self, items: Iterable[ToStore]) -> Iterator[Written]:
        """Store all items, and yield the outcome of each batch.

        Raises EngineError and StoreError; documents already written stay.
        """
        ahead: deque[tuple[_Batch, Future[Embeddings] | None]] = deque()
        with _pool() as pool:
            for batch in self._batches(items):
                future = pool.submit(self._embedder().embed, batch.texts) if batch.texts else None
                ahead.append((batch, future))
                while len(ahead) >= BATCHES_AHEAD:
                    yield self._write(*ahead.popleft())
            while ahead:
                yield self._write(*ahead.popleft())

    def _batches(self, items: Iterable[ToStore]) -> Iterator[_Batch]:
        batch = _Batch()
        for item in items:
            if isinstance(item, SourceFile):
                batch.sources.append(item)
            elif isinstance(item, Removal):
                batch.removed.update(item.ids)
            else:
                if item.document.id in batch.removed:  # it moved: remove it first, then store it
                    yield batch
                    batch = _Batch()
                chunks = chunks_of(item.document, self._model, self._chunking)
                texts = [embedded_text(item.document.title, chunk) for chunk in chunks]
                batch.documents.append((item, chunks))
                batch.texts += texts
                batch.characters += sum(map(len, texts))
            if batch.full:
                yield batch
                batch = _Batch()
        yield batch

    @cached_property
    def _model(self) -> EmbeddingModel:
        return self._open_model()

    def _embedder(self) -> RememberingModel:
        if self._remembering is None:
            self._remembering = RememberingModel(self._model, self._cache, counter(self._model))
        return self._remembering

    @cached_property
    def _fingerprint(self) -> str:
        return fingerprint(self._model, self._chunking)

    def _write(self, batch: _Batch, future: Future[Embeddings] | None) -> Written:
        vectors = future.result() if future else np.empty((0, 0), np.float32)
        failed: list[tuple[Incoming, str]] = []
        stored = self._write_all(list(self._stored(batch, vectors, failed)), failed)
        self._failed_sources |= {one.source for one, _ in failed if one.source is not None}
        if batch.removed:
            self._store.delete(sorted(batch.removed))
        whole = [file for file in batch.sources if file.path not in self._failed_sources]
        if whole:
            self._store.write([], sources=whole)
        if monotonic() - self._flushed > FLUSH_S and self._flush:
            self._store.flush()
            self._flushed = monotonic()
        computed = self._remembering.computed if self._remembering else Computed()
        return Written(tuple(stored), tuple(failed), len(batch.removed), computed)

    def _write_all(
        self,
        documents: list[tuple[Incoming, StoredDocument]],
        failed: list[tuple[Incoming, str]],
    ) -> list[Incoming]:
        """Store documents, one by one if any is invalid; return those that were stored."""
        if not documents:
            return []
        try:
            self._store.write([document for _, document in documents])
        except FingerprintError:
            raise
        except InputError as exc:
            if len(documents) > 1:
                return [one for pair in documents for one in self._write_all([pair], failed)]
            failed.append((documents[0][0], str(exc)))
            return []
        return [incoming for incoming, _ in documents]

    def _stored(
        self, batch: _Batch, vectors: Embeddings, failed: list[tuple[Incoming, str]]
    ) -> Iterator[tuple[Incoming, StoredDocument]]:
        begin = 0
        for incoming, chunks in batch.documents:
            own = vectors[begin : begin + len(chunks)].reshape(len(chunks), self._model.dim)
            begin += len(chunks)
            if not np.isfinite(own).all():
                reason = f"{self._model.name} returned a vector with NaN or Inf for it"
                failed.append((incoming, reason))
                continue
            yield (
                incoming,
                StoredDocument(
                    document=incoming.document,
                    chunks=chunks,
                    vectors=unit(own),
                    content_hash=incoming.content_hash,
                    fingerprint=self._fingerprint,
                    source=incoming.source,
                ),
            )


@contextmanager
def _pool() -> Iterator[ThreadPoolExecutor]:
    """Provide threads that wait for models; an error or interruption does not wait for them."""
    pool = ThreadPoolExecutor(BATCHES_AHEAD, thread_name_prefix="simile-embed")
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
