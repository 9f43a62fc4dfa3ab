"""Documents to what is stored: cut, embedded in batches, written; in bounded memory.

While one batch is being embedded the next is read and cut. A document is written whole, in one
transaction, in place of its older self. Does not know files, nor what changed.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from time import monotonic

import numpy as np

from simile.documents import LoadFailure, embedded_text
from simile.errors import FingerprintError, InputError
from simile.numerics import unit
from simile.retrieval.recipe import Chunking, chunks_of, counter, fingerprint
from simile.retrieval.remembering import RememberingModel
from simile.retrieval.report import Tally
from simile.store import EmbeddingCache, SourceFile, Store, StoredDocument
from simile.types import Chunk, Document, EmbeddingModel, Embeddings

BATCH_TEXTS = 256
BATCH_CHARACTERS = 1_000_000
BATCHES_AHEAD = 3
FLUSH_S = 10.0
"""How soon readers in other processes see what was written."""


@dataclass(frozen=True)
class Incoming:
    """A document to be stored."""

    document: Document
    content_hash: str
    source: str | None = None
    is_new: bool = False
    """Counted as added, not as changed."""


@dataclass(frozen=True)
class Removal:
    """Documents to be forgotten, after all that came before is stored."""

    ids: tuple[str, ...]


Item = Incoming | Removal | SourceFile
"""A file comes after its last document, and says that nothing of it is missing."""


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
        tally: Tally,
        failures: list[LoadFailure],
        written: Callable[[], None] = lambda: None,
        flush: bool = True,
    ) -> None:
        """The model is opened for the first document.

        `written` is called after each batch, when the tally has grown. `flush` shows readers in
        other processes what there is, every ten seconds.
        """
        self._store = store
        self._open_model = open_model
        self._chunking = chunking
        self._cache = cache
        self._tally = tally
        self._failures = failures
        self._failed_sources: set[str] = set()
        self._written = written
        self._flush = flush
        self._flushed = monotonic()

    def run(self, items: Iterable[Item]) -> None:
        """Store all that comes. Raises EngineError and StoreError; what was written stays."""
        ahead: deque[tuple[_Batch, Future[Embeddings] | None]] = deque()
        with _pool() as pool:
            for batch in self._batches(items):
                future = pool.submit(self._embedder.embed, batch.texts) if batch.texts else None
                ahead.append((batch, future))
                while len(ahead) >= BATCHES_AHEAD:
                    self._write(*ahead.popleft())
            while ahead:
                self._write(*ahead.popleft())

    def _batches(self, items: Iterable[Item]) -> Iterator[_Batch]:
        batch = _Batch()
        for item in items:
            if isinstance(item, SourceFile):
                batch.sources.append(item)
            elif isinstance(item, Removal):
                batch.removed.update(item.ids)
            else:
                if item.document.id in batch.removed:  # It moved: forgotten there, stored here.
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

    @cached_property
    def _embedder(self) -> RememberingModel:
        return RememberingModel(self._model, self._cache, counter(self._model))

    @cached_property
    def _fingerprint(self) -> str:
        return fingerprint(self._model, self._chunking)

    def _write(self, batch: _Batch, future: Future[Embeddings] | None) -> None:
        vectors = future.result() if future else np.empty((0, 0), np.float32)
        stored = list(self._stored(batch, vectors))
        if stored:
            self._write_all(stored)
        if batch.removed:
            self._store.delete(sorted(batch.removed))
        whole = [file for file in batch.sources if file.path not in self._failed_sources]
        if whole:
            self._store.write([], sources=whole)
        self._count()
        if monotonic() - self._flushed > FLUSH_S and self._flush:
            self._store.flush()
            self._flushed = monotonic()

    def _write_all(self, stored: list[tuple[Incoming, StoredDocument]]) -> None:
        try:
            self._store.write([document for _, document in stored])
        except FingerprintError:
            raise
        except InputError as exc:
            if len(stored) == 1:
                self._fail(stored[0][0], str(exc))
                return
            for pair in stored:  # One of them cannot be stored: keep the others.
                self._write_all([pair])

    def _stored(
        self, batch: _Batch, vectors: Embeddings
    ) -> Iterator[tuple[Incoming, StoredDocument]]:
        begin = 0
        for incoming, chunks in batch.documents:
            own = vectors[begin : begin + len(chunks)].reshape(len(chunks), self._model.dim)
            begin += len(chunks)
            if not np.isfinite(own).all():
                reason = f"{self._model.name} gave a vector that holds NaN or Inf for it"
                self._fail(incoming, reason)
                continue
            yield incoming, StoredDocument(
                incoming.document, chunks, unit(own), incoming.content_hash, self._fingerprint,
                incoming.source,
            )  # fmt: skip

    def _fail(self, incoming: Incoming, reason: str) -> None:
        self._failures.append(LoadFailure(incoming.document.id, reason))
        self._tally.added -= incoming.is_new
        self._tally.changed -= not incoming.is_new
        if incoming.source is not None:
            self._failed_sources.add(incoming.source)

    def _count(self) -> None:
        if "_embedder" not in vars(self):
            return
        self._tally.embedded = self._embedder.embedded
        self._tally.remembered = self._embedder.remembered
        self._tally.tokens = self._embedder.tokens
        self._written()


@contextmanager
def _pool() -> Iterator[ThreadPoolExecutor]:
    """Threads that wait for models; an error or an interruption does not wait for them."""
    pool = ThreadPoolExecutor(BATCHES_AHEAD, thread_name_prefix="simile-embed")
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
