"""What a sync did, and what it is doing."""

from dataclasses import dataclass, field

from simile.documents import LoadFailure
from simile.retrieval.recipe import MODEL, Chunking, chunking_of
from simile.store import SqliteStore


@dataclass(frozen=True, kw_only=True)
class SyncReport:
    """What became of the documents that came by."""

    added: int
    changed: int
    removed: int
    unchanged: int
    chunks: int
    """All that the index holds now."""
    embedded: int
    """Texts that a model computed."""
    remembered: int
    """Texts whose vectors were known."""
    tokens: int
    """Of the embedded texts, as the model counts them."""
    failures: tuple[LoadFailure, ...]
    seconds: float


@dataclass(frozen=True)
class IndexStats:
    """What an index holds, and what it was made with."""

    documents: int
    chunks: int
    dim: int | None
    """None while it has no vectors; so are the next two."""
    model: str | None
    chunking: Chunking | None
    language: str
    generation: int
    """Grows with every change."""
    size_bytes: int


def stats_of(store: SqliteStore) -> IndexStats:
    """Count what a store holds, and read what it notes."""
    held, meta = store.stats(), store.meta()
    return IndexStats(
        documents=held.documents,
        chunks=held.chunks,
        dim=held.dim,
        model=meta.get(MODEL),
        chunking=chunking_of(meta),
        language=store.language,
        generation=held.generation,
        size_bytes=held.size_bytes,
    )


@dataclass
class Tally:
    """The counts of a change while it runs; given to what shows progress."""

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

    def report(self, *, chunks: int, seconds: float) -> SyncReport:
        """Give the counts as they are now, with all chunks that the index holds."""
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
            seconds=seconds,
        )
