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
    """Of the document, so that one that did not change is recognized."""
    fingerprint: str
    """Of the model and the chunking that made the vectors; one per index."""
    source: str | None = None
    """Path of the file that it came from."""


@dataclass(frozen=True)
class ManifestEntry:
    """What tells whether a document changed since it was stored."""

    content_hash: str
    source: str | None


@dataclass(frozen=True)
class SourceFile:
    """A file, as it was when all its documents were stored."""

    path: str
    changed_ns: int
    """Time of the last change of its content or of its entry in the folder."""
    size_bytes: int
    rules: str
    """Of what was said about its documents elsewhere: access lists, metadata."""


@dataclass(frozen=True)
class StoredChunk:
    """A chunk as it was stored; its id is never given to another."""

    id: int
    document_id: str
    title: str | None
    ordinal: int
    """Its place among the document's chunks, counted from 0."""
    chunk: Chunk
    metadata: Mapping[str, MetadataValue]
    """The document's, as is `acl`."""
    acl: tuple[str, ...]


@dataclass(frozen=True)
class Column:
    """The documents' metadata values under one name, row by row."""

    values: Sequence[str | int | float | bool]
    """Distinct (1 and 1.0 are one, True is another), in `value_order`; no row need have them."""
    codes: NDArray[np.int32]
    """int32 (rows,), read only: the row's place in `values`, -1 where unset or null."""


def value_order(value: str | int | float | bool) -> tuple[int, str | int | float]:
    """Sorts bools before numbers before texts (by code point); kinds are never equal."""
    return 2 if isinstance(value, str) else 0 if isinstance(value, bool) else 1, value


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

    def metadata(self, name: str) -> Column:
        """The documents' metadata under the name; whole numbers beyond 64 bits as floats."""
        ...

    def dense(
        self,
        query: NDArray[np.float32],
        *,
        k: int,
        principals: Iterable[str] = (),
        mask: Mask | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The k best rows by inner product and their scores, best first, equal ones by row.

        Exact. Only rows that the principals may read and, where given, that the mask admits.
        InputError for a query that is not (dim,) or not finite.
        """
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

    def write(
        self, documents: Sequence[StoredDocument], *, sources: Sequence[SourceFile] = ()
    ) -> None:
        """Store a batch in one transaction, in place of what their ids had.

        `sources` are the files of which nothing is missing now; all others that documents of the
        batch come from count as not read.
        """
        ...

    def delete(self, ids: Iterable[str]) -> int:
        """Forget documents in one transaction; returns how many were there.

        The files that they came from count as not read.
        """
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

    def sources(self) -> dict[str, SourceFile]:
        """The files whose documents are stored, all of them, by path."""
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

    def aside(self) -> AbstractContextManager["Store"]:
        """An empty store that no reader sees, to be made ready for `adopt`; gone at the end."""
        ...

    def adopt(self, other: "Store") -> None:
        """Hold what the store from `aside` holds, and nothing else, from one moment to the next."""
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
