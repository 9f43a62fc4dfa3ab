"""What a store of documents, chunks and vectors promises, and the nouns it hands out.

A store keeps and finds; it does not rank across arms, parse filters or read files. A `View` is
one moment of it: its rows stay where they are while the store changes behind it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from simile.types import Chunk, Document, Embeddings, MetadataValue

PUBLIC = "public"
"""The principal that every search has."""

Mask = NDArray[np.bool_]
"""bool (rows,) over the rows of a view."""

Having = Sequence[tuple[str, Sequence[MetadataValue]]]
"""Metadata names with values of which a document must have one, for each name."""


@dataclass(frozen=True)
class StoredDocument:
    """A document with everything that is kept of it."""

    document: Document
    chunks: Sequence[Chunk]
    vectors: Embeddings
    """float32 (len(chunks), dim), finite."""
    content_hash: str
    """Of the source's bytes, so that unchanged content is recognised."""
    fingerprint: str
    """Of the model and the chunking that made the vectors; one per index."""
    mtime_ns: int | None = None
    size_bytes: int | None = None


@dataclass(frozen=True)
class ManifestEntry:
    """What tells whether a source changed since it was stored."""

    content_hash: str
    fingerprint: str
    mtime_ns: int | None
    size_bytes: int | None


@dataclass(frozen=True)
class StoredChunk:
    """A chunk as it was stored; its id is never given to another."""

    id: int
    document_id: str
    title: str | None
    ordinal: int
    """Its place among the document's chunks, counted from 0."""
    chunk: Chunk


@dataclass(frozen=True)
class StoreStats:
    """How much a store holds."""

    documents: int
    chunks: int
    dim: int | None
    generation: int
    size_bytes: int
    """Of all files of the store."""


@dataclass(frozen=True)
class CheckReport:
    """What a check found; `problems` is empty for a sound store."""

    problems: tuple[str, ...]
    repaired: bool = False


class View(Protocol):
    """One moment of a store. Rows are positions, the same in every array."""

    @property
    def generation(self) -> int:
        """The store's transaction that this view shows; grows with every change."""
        ...

    @property
    def ids(self) -> NDArray[np.int64]:
        """Chunk ids, int64 (rows,), ascending."""
        ...

    @property
    def document_rows(self) -> NDArray[np.int64]:
        """int64 (rows,), equal for chunks of one document."""
        ...

    @property
    def vectors(self) -> Embeddings:
        """float32 (rows, dim), read only; rows of deleted chunks may still be in it."""
        ...

    def allowed(self, principals: Iterable[str] = ()) -> Mask:
        """Rows that these principals may read, `public` among them; deleted rows are not."""
        ...

    def metadata(self, name: str) -> NDArray[np.object_]:
        """The documents' metadata value under the name, object (rows,); None where unset."""
        ...

    def lexical(
        self,
        query: str,
        *,
        k: int,
        principals: Iterable[str] = (),
        mask: Mask | None = None,
        having: Having = (),
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The k best rows by BM25 and their scores, best first, equal ones by row.

        Only rows that the principals may read and, where given, that the mask admits. `having`
        says what is true of all that the mask admits; it makes the search faster, and alone
        (values compared as 96-bit hashes) it is no filter.
        """
        ...


class Store(Protocol):
    """Keeps documents with their chunks and vectors; one writer, any number of readers."""

    def writing(self, *, timeout_s: float = 10.0) -> AbstractContextManager[None]:
        """Hold the writer's lock; StoreError names the holder when it stays taken. Reentrant."""
        ...

    def write(self, documents: Sequence[StoredDocument]) -> None:
        """Store a batch in one transaction, in place of what their ids had."""
        ...

    def delete(self, ids: Iterable[str]) -> int:
        """Forget documents in one transaction; returns how many were there."""
        ...

    def flush(self) -> None:
        """Bring everything derived up to date, for the readers in other processes."""
        ...

    def document(self, id: str) -> Document | None:
        """The document with this id."""
        ...

    def documents(self) -> Iterator[Document]:
        """All documents, ordered by id."""
        ...

    def chunks(self, ids: Iterable[int]) -> dict[int, StoredChunk]:
        """Chunks by their ids; those that are gone are absent."""
        ...

    def document_chunks(self, id: str) -> list[StoredChunk]:
        """All chunks of a document, in order."""
        ...

    def manifest(self) -> dict[str, ManifestEntry]:
        """What is stored, by document id."""
        ...

    def view(self) -> View:
        """The newest state that can be shown; cheap while nothing changed."""
        ...

    def meta(self) -> Mapping[str, str]:
        """Notes on the index: `fingerprint`, `dim`, `generation`, and those of `set_meta`."""
        ...

    def set_meta(self, name: str, value: str) -> None:
        """Keep a note."""
        ...

    def stats(self) -> StoreStats:
        """Count what is stored."""
        ...

    def check(self, *, repair: bool = False) -> CheckReport:
        """Compare everything derived with the truth; mend it where asked. Reads everything."""
        ...

    def close(self) -> None:
        """Release files; safe to call twice."""
        ...
