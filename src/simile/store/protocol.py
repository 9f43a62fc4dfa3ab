"""The interface of a store of documents, chunks and vectors, and the values it returns.

A store keeps and finds; it does not fuse rankings, parse filters or read files. A `View` is a
snapshot: its rows keep their positions while the store changes.
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


@dataclass(frozen=True)
class StoredDocument:
    """A document with everything that is stored about it."""

    document: Document
    chunks: Sequence[Chunk]
    vectors: Embeddings
    """float32 (len(chunks), dim), finite."""
    content_hash: str
    """Hash of the document, to recognize an unchanged one."""
    fingerprint: str
    """Fingerprint of the model and the chunking that made the vectors; one per index."""
    source: str | None = None
    """Path of the file it was read from."""


@dataclass(frozen=True)
class ManifestEntry:
    """The data that shows whether a document changed since it was stored."""

    content_hash: str
    source: str | None


@dataclass(frozen=True)
class SourceFile:
    """The state of a file when all its documents were stored."""

    path: str
    changed_ns: int
    """Time of the last change of its content or of its directory entry."""
    size_bytes: int
    rules: str
    """Digest of the access lists and metadata that rules files give its documents."""


@dataclass(frozen=True)
class StoredChunk:
    """A chunk as it was stored; its id is never reused."""

    id: int
    document_id: str
    title: str | None
    ordinal: int
    """Its position among the document's chunks, counted from 0."""
    chunk: Chunk
    metadata: Mapping[str, MetadataValue]
    """The document's, as is `acl`."""
    acl: tuple[str, ...]


@dataclass(frozen=True)
class Column:
    """The documents' values of one metadata field, row by row."""

    values: Sequence[str | int | float | bool]
    """Distinct values (1 equals 1.0, but not True), in `value_order`; some may be unused."""
    codes: NDArray[np.int32]
    """int32 (rows,), read-only: the index of the row's value in `values`; -1 if unset or null."""


def value_order(value: str | int | float | bool) -> tuple[int, str | int | float]:
    """Return a sort key: bools before numbers before strings (by code point), never equal."""
    return 2 if isinstance(value, str) else 0 if isinstance(value, bool) else 1, value


@dataclass(frozen=True)
class StoreStats:
    """How much a store holds."""

    documents: int
    chunks: int
    dim: int | None
    generation: int
    size_bytes: int
    """Size of all files of the store."""


@dataclass(frozen=True)
class CheckReport:
    """The result of a check; `problems` is empty for a sound store."""

    problems: tuple[str, ...]
    repaired: bool = False


class View(Protocol):
    """A snapshot of a store. Rows are positions, the same in every array."""

    @property
    def generation(self) -> int:
        """The number of the store's transaction that this view shows; grows with every change."""
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
        """float32 (rows, dim), read-only; may still contain rows of deleted chunks."""
        ...

    def allowed(self, principals: Iterable[str] = ()) -> Mask:
        """Return the rows that these principals and `public` may read; never deleted rows."""
        ...

    def metadata(self, name: str) -> Column:
        """Return the documents' values of a metadata field; integers beyond 64 bits as floats."""
        ...

    def dense(
        self,
        query: NDArray[np.float32],
        *,
        k: int,
        principals: Iterable[str] = (),
        mask: Mask | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the k best rows by inner product and their scores, best first, ties by row.

        Exact. Considers only rows that the principals may read and that `mask`, if given, admits.
        Raises InputError for a query that is not (dim,) or not finite.
        """
        ...

    def lexical(
        self,
        query: str,
        *,
        k: int,
        principals: Iterable[str] = (),
        mask: Mask | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the k best rows by BM25 and their scores, best first, ties by row.

        Considers only rows that the principals may read and that `mask`, if given, admits.
        The statistics of BM25 count the rows that the principals may read, and no others.
        """
        ...


class Store(Protocol):
    """A store of documents with their chunks and vectors; one writer, any number of readers."""

    def writing(self, *, timeout_s: float = 10.0) -> AbstractContextManager[None]:
        """Hold the writer's lock; reentrant. Raises StoreError, naming the holder, on timeout."""
        ...

    def write(
        self, documents: Sequence[StoredDocument], *, sources: Sequence[SourceFile] = ()
    ) -> None:
        """Store a batch in one transaction; replace documents with the same ids.

        `sources` are the files whose documents are now all stored; all other files that documents
        of the batch come from count as unread.
        """
        ...

    def delete(self, ids: Iterable[str]) -> int:
        """Delete documents in one transaction; return how many existed.

        The files they came from count as unread.
        """
        ...

    def flush(self) -> None:
        """Update all derived files, for readers in other processes."""
        ...

    def document(self, id: str, *, principals: Iterable[str] | None = None) -> Document | None:
        """Return the document with this id, or None if there is none that `principals` may read.

        With None, anybody's. What it takes does not depend on documents that they may not read.
        """
        ...

    def documents(self, *, principals: Iterable[str] | None = None) -> Iterator[Document]:
        """Iterate over the documents that `principals` may read, or over all, ordered by id."""
        ...

    def chunks(self, ids: Iterable[int]) -> dict[int, StoredChunk]:
        """Return chunks by id, without those that no longer exist."""
        ...

    def document_chunks(self, id: str) -> list[StoredChunk]:
        """Return all chunks of a document, in order."""
        ...

    def first_protected(self) -> str | None:
        """Return the id of a document that is not public; None if all are."""
        ...

    def public_sources(self) -> dict[str, str]:
        """Return the files of documents that list `public` alone, each with such an id."""
        ...

    def manifest(self) -> dict[str, ManifestEntry]:
        """Return an entry for each stored document, by its id."""
        ...

    def sources(self) -> dict[str, SourceFile]:
        """Return the files whose documents are all stored, by path."""
        ...

    def view(self) -> View:
        """Return the newest available snapshot; cheap while nothing has changed."""
        ...

    def meta(self) -> Mapping[str, str]:
        """Return the index's notes: `fingerprint`, `dim`, `generation`, and those of `set_meta`."""
        ...

    def set_meta(self, name: str, value: str) -> None:
        """Store a note."""
        ...

    def aside(self) -> AbstractContextManager["Store"]:
        """Open an empty store that no reader sees, to fill for `adopt`; removed on exit."""
        ...

    def adopt(self, other: "Store") -> None:
        """Atomically replace the content by that of a store from `aside`."""
        ...

    def stats(self) -> StoreStats:
        """Count the stored documents and chunks."""
        ...

    def check(self, *, repair: bool = False) -> CheckReport:
        """Check all stored and derived data; repair it on request. Reads everything."""
        ...

    def close(self) -> None:
        """Release files; safe to call twice."""
        ...
