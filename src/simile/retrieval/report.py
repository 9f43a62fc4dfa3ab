"""Counts of a sync: while it runs, and when it is done."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from simile.documents import LoadFailure
from simile.retrieval.readers import readers_of
from simile.retrieval.recipe import MODEL, Chunking, chunking_of
from simile.store import SqliteStore


@dataclass(frozen=True, kw_only=True)
class SyncReport:
    """The result of a change of an index."""

    added: int
    changed: int
    removed: int
    unchanged: int
    chunks: int
    """All chunks now in the index."""
    embedded: int
    """Texts that a model computed."""
    remembered: int
    """Texts whose vectors were cached."""
    tokens: int
    """Tokens of the embedded texts, as the model counts them."""
    failures: tuple[LoadFailure, ...]
    skipped: tuple[LoadFailure, ...]
    """Links, FIFOs and devices, which are never followed, and rules that matched no file."""
    seconds: float


@dataclass(frozen=True)
class IndexStats:
    """The size of an index, and what it was made with."""

    documents: int
    chunks: int
    dim: int | None
    """None while it has no vectors, like the next two."""
    model: str | None
    chunking: Chunking | None
    language: str
    default_acl: tuple[str, ...] | None
    """Who may read what says nothing; None if nobody chose."""
    acl_by_path: Mapping[str, tuple[str, ...]]
    """Who may read what says nothing below a path."""
    generation: int
    """Grows with every change."""
    size_bytes: int


def stats_of(store: SqliteStore) -> IndexStats:
    """Count a store's content and read its notes."""
    held, meta = store.stats(), store.meta()
    readers = readers_of(meta)
    return IndexStats(
        documents=held.documents,
        chunks=held.chunks,
        dim=held.dim,
        model=meta.get(MODEL),
        chunking=chunking_of(meta),
        language=store.language,
        default_acl=readers.default,
        acl_by_path=readers.by_path,
        generation=held.generation,
        size_bytes=held.size_bytes,
    )


@dataclass
class Tally:
    """The counts of a running change, for showing progress."""

    files: int = 0
    files_done: int = 0
    size_bytes: int = 0
    bytes_done: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    embedded: int = 0
    remembered: int = 0
    tokens: int = 0
    failures: list[LoadFailure] = field(default_factory=list)
    skipped: list[LoadFailure] = field(default_factory=list)

    def report(self, *, chunks: int, seconds: float) -> SyncReport:
        """Return the current counts, with the number of all chunks in the index."""
        return SyncReport(
            added=self.added,
            changed=self.changed,
            removed=self.removed,
            unchanged=self.unchanged,
            chunks=chunks,
            embedded=self.embedded,
            remembered=self.remembered,
            tokens=self.tokens,
            failures=tuple(self.failures),
            skipped=tuple(self.skipped),
            seconds=seconds,
        )
