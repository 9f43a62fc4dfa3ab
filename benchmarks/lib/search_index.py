"""Write a collection to an index through the store, as a sync would, but without embedding."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import perf_counter

import numpy as np
from benchmarks.lib.collection import DIM, PER_DOCUMENT, Collection
from benchmarks.lib.reports import TableReport

from simile.protocols import EmbeddingModel
from simile.retrieval.recipe import Chunking, fingerprint, notes
from simile.store import SqliteStore, StoredDocument
from simile.types import Chunk, Document, Embeddings, Role

SECTION = "Writing"
_DOCUMENTS = 200
"""Documents per transaction."""
_BETWEEN = "\n\n"


@dataclass(frozen=True)
class PreparedModel:
    """Stand-in for a model, so that embedding a query costs nothing."""

    name: str
    fingerprint: str
    prepared: dict[str, Embeddings]
    """Vectors by text, float32 (1, dim)."""
    dim: int = DIM
    max_tokens: int = 256

    def embed(self, texts: Sequence[str], *, role: Role) -> Embeddings:
        """Return the vector of one prepared text."""
        assert len(texts) == 1, role
        return self.prepared[texts[0]]


def prepared(collection: Collection, name: str, fingerprint: str) -> PreparedModel:
    """Return a model that knows the collection's queries."""
    vectors = np.split(collection.query_vectors, len(collection.queries))
    return PreparedModel(name, fingerprint, dict(zip(collection.queries, vectors, strict=True)))


def fill(tables: TableReport, folder: Path, collection: Collection, model: EmbeddingModel) -> None:
    """Write all documents as if the model had embedded them, and bring the indexes up to date."""
    store = SqliteStore(folder, create=True)
    for name, value in notes(model, Chunking()).items():
        store.set_meta(name, value)
    start = perf_counter()
    documents = _documents(collection, fingerprint(model, Chunking()))
    making = 0.0
    while True:
        begun = perf_counter()
        batch = list(islice(documents, _DOCUMENTS))
        making += perf_counter() - begun
        if not batch:
            break
        store.write(batch)
    written = perf_counter() - start - making
    start = perf_counter()
    store.flush()
    flushed = perf_counter() - start
    size = store.stats().size_bytes
    store.close()
    tables.section(SECTION, "seconds", "chunks/s")
    tables.row("SQLite, 2,000 chunks a transaction", written, collection.chunks / written)
    tables.row("both indexes, from nothing", flushed, collection.chunks / flushed)
    tables.row("on disk", note=f"{size / 1e6:,.0f} MB, {size / collection.chunks:,.0f} B per chunk")


def _documents(collection: Collection, made_with: str) -> Iterator[StoredDocument]:
    texts = collection.texts()
    for number in range(collection.documents):
        parts = list(islice(texts, PER_DOCUMENT))
        rows = slice(number * PER_DOCUMENT, (number + 1) * PER_DOCUMENT)
        document = Document(
            f"folder/{number % 100}/{number}.txt", _BETWEEN.join(parts),
            metadata=collection.metadata(number), acl=collection.acl(number),
        )  # fmt: skip
        chunks = list(_chunks(parts))
        yield StoredDocument(
            document, chunks, collection.vectors[rows], str(number), made_with, document.id
        )


def _chunks(texts: Sequence[str]) -> Iterator[Chunk]:
    start, line = 0, 1
    for text in texts:
        yield Chunk(start, start + len(text), text, (), (line, line))
        start += len(text) + len(_BETWEEN)
        line += len(_BETWEEN)
