"""The ways to change an index: make it equal to paths, add documents, make all vectors anew.

Joins what is to be written (`sync`) with the writing (`ingest`), under the store's lock.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from time import perf_counter

from simile.documents import LoadFailure
from simile.errors import EngineError, InputError
from simile.retrieval.given import why_not_storable
from simile.retrieval.ingest import Incoming, Ingest, Item
from simile.retrieval.recipe import Chunking, chunking_of, notes, require_chunking, require_model
from simile.retrieval.report import SyncReport, Tally
from simile.retrieval.sync import Change, Sync, content_hash
from simile.retrieval.walk import Walk
from simile.store import EmbeddingCache, ManifestEntry, Store
from simile.types import Document, EmbeddingModel

Progress = Callable[[Tally], None]


class Update:
    """One change of a store: what was counted, what failed, how long it took."""

    def __init__(
        self,
        store: Store,
        open_model: Callable[[], EmbeddingModel],
        *,
        cache: EmbeddingCache | None = None,
        chunking: Chunking | None = None,
        progress: Progress = lambda _: None,
    ) -> None:
        """`chunking` None: as the index was made. Nothing is opened or written yet."""
        self._store = store
        self._open_model = open_model
        self._cache = cache
        self._chunking = chunking
        self._progress = progress
        self._tally = Tally()
        self._failures: list[LoadFailure] = []
        self._start = perf_counter()

    def sync(
        self, walks: Sequence[Walk], base: Path, changed: Callable[[Change], None] = lambda _: None
    ) -> SyncReport:
        """Make the store hold what the paths hold. LockedError, FingerprintError, EngineError.

        Whatever stops it, each document is as it was or as it is; running it again goes on.
        """
        with self._store.writing():
            chunking = self._sizes()
            sync = Sync(
                base, walks, manifest=self._store.manifest(), sources=self._store.sources(),
                tally=self._tally, failures=self._failures, changed=changed,
            )  # fmt: skip
            self._ingest(self._store, chunking).run(sync.items(sync.look()))
            self._store.flush()
        return self._report()

    def add(self, documents: Iterable[Document]) -> SyncReport:
        """Store documents, in place of those with their ids; those that are equal are left.

        Raises InputError for what is no Document, and at the end for those that cannot be stored.
        """
        if isinstance(documents, Document) or not isinstance(documents, Iterable):
            got = type(documents).__name__
            raise InputError(f"got a {got}; expected a list, or anything that gives Documents")
        with self._store.writing():
            self._ingest(self._store, self._sizes()).run(self._changed(documents))
            self._store.flush()
        if self._failures:
            first = f"{ascii(self._failures[0].path)}: {self._failures[0].reason}"
            raise InputError(f"{len(self._failures)} documents were not stored, {first}")
        return self._report()

    def reindex(self) -> SyncReport:
        """Cut and embed all documents anew beside the store, then switch in one transaction.

        Readers see the old until the new is whole. EngineError, with all as it was, if a document
        could not be embedded.
        """
        with self._store.aside() as other:
            chunking = self._chunking or chunking_of(self._store.meta()) or Chunking()
            self._tally.files = self._store.stats().documents
            self._ingest(other, chunking, flush=False).run(self._all())
            if self._failures:
                first = self._failures[0]
                raise EngineError(f"{ascii(first.path)}: {first.reason}; the index is as it was")
            self._store.adopt(other)
            self._store.flush()
        return self._report()

    def _sizes(self) -> Chunking:
        meta = self._store.meta()
        if self._chunking is not None:
            require_chunking(meta, self._chunking)
        return self._chunking or chunking_of(meta) or Chunking()

    def _ingest(self, store: Store, chunking: Chunking, *, flush: bool = True) -> Ingest:
        def open_model() -> EmbeddingModel:
            model = self._open_model()
            require_model(store.meta(), model)
            for name, value in notes(model, chunking).items():
                store.set_meta(name, value)
            return model

        return Ingest(
            store, open_model, chunking, cache=self._cache, tally=self._tally,
            failures=self._failures, written=lambda: self._progress(self._tally), flush=flush,
        )  # fmt: skip

    def _changed(self, documents: Iterable[Document]) -> Iterator[Item]:
        manifest = self._store.manifest()
        for document in documents:
            if not isinstance(document, Document):
                raise InputError(f"got a {type(document).__name__}; expected a Document")
            if reason := why_not_storable(document):
                self._failures.append(LoadFailure(str(document.id), reason))
                continue
            entry, before = ManifestEntry(content_hash(document), None), manifest.get(document.id)
            if before == entry:
                self._tally.unchanged += 1
                continue
            manifest[document.id] = entry
            self._tally.added += before is None
            self._tally.changed += before is not None
            yield Incoming(document, entry.content_hash, is_new=before is None)

    def _all(self) -> Iterator[Item]:
        manifest = self._store.manifest()
        for document in self._store.documents():
            entry = manifest[document.id]
            self._tally.changed += 1
            self._tally.files_done += 1
            yield Incoming(document, entry.content_hash, entry.source)
        yield from self._store.sources().values()

    def _report(self) -> SyncReport:
        counts = self._tally
        return SyncReport(
            counts.added, counts.changed, counts.removed, counts.unchanged,
            self._store.stats().chunks, counts.embedded, counts.remembered, counts.tokens,
            tuple(self._failures), perf_counter() - self._start,
        )  # fmt: skip


def preview(
    store: Store | None, walks: Sequence[Walk], base: Path, changed: Callable[[Change], None]
) -> SyncReport:
    """What a sync would do, document by document; nothing is embedded or written."""
    start, tally, failures = perf_counter(), Tally(), list[LoadFailure]()
    sync = Sync(
        base, walks, manifest=store.manifest() if store else {},
        sources=store.sources() if store else {}, tally=tally, failures=failures, changed=changed,
    )  # fmt: skip
    for _ in sync.items(sync.look()):
        pass
    chunks = store.stats().chunks if store else 0
    return SyncReport(
        tally.added, tally.changed, tally.removed, tally.unchanged, chunks, 0, 0, 0,
        tuple(failures), perf_counter() - start,
    )  # fmt: skip
