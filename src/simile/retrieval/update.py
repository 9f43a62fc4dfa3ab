"""Change an index: sync it with paths, add documents, or recompute all vectors.

Connects comparing (`sync`) with writing (`ingest`), under the store's lock.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from time import perf_counter

from simile.documents import LoadFailure
from simile.errors import EngineError, InputError
from simile.protocols import EmbeddingModel
from simile.retrieval.changes import (
    Change,
    FileRead,
    Incoming,
    Item,
    Removal,
    ToStore,
    Unchanged,
)
from simile.retrieval.given import why_not_storable
from simile.retrieval.ingest import Ingest
from simile.retrieval.readers import BY_PATH, Readers, Undecided
from simile.retrieval.recipe import Chunking, chunking_of, notes, require_chunking, require_model
from simile.retrieval.report import SyncReport, Tally
from simile.retrieval.sync import Look, Sync, content_hash
from simile.retrieval.walk import Walk
from simile.store import EmbeddingCache, ManifestEntry, Store
from simile.types import Document

Progress = Callable[[Tally], None]


class Update:
    """One change of a store, with its counts, failures and duration."""

    def __init__(
        self,
        store: Store,
        open_model: Callable[[], EmbeddingModel],
        *,
        cache: EmbeddingCache | None = None,
        chunking: Chunking | None = None,
        progress: Progress = lambda _: None,
    ) -> None:
        """With `chunking` None, use the index's own. Opens and writes nothing yet."""
        self._store = store
        self._open_model = open_model
        self._cache = cache
        self._chunking = chunking
        self._progress = progress
        self._tally = Tally()
        self._start = perf_counter()

    def sync(
        self,
        walks: Sequence[Walk],
        readers: Readers,
        changed: Callable[[Change], None] = lambda _: None,
    ) -> SyncReport:
        """Make the store match the paths, and note the readers that the walks were given.

        Raises LockedError, FingerprintError, EngineError; InputError if somebody must choose who
        may read what says nothing. If it is interrupted, each document is in its old or new state;
        the next sync resumes.
        """
        with self._store.writing():
            chunking = self._sizes()
            items = compared(self._store, walks, readers, self._tally)
            for name, value in readers.notes().items():
                if self._store.meta().get(name) != value and (name != BY_PATH or readers.by_path):
                    self._store.set_meta(name, value)
            self._store_all(self._store, chunking, counted(items, self._tally, changed))
            self._store.flush()
        return self._report()

    def add(self, documents: Iterable[Document]) -> SyncReport:
        """Store documents, replacing those with the same ids; skip unchanged ones.

        Raises InputError for anything but Documents, and at the end if any could not be stored.
        """
        if isinstance(documents, Document) or not isinstance(documents, Iterable):
            got = type(documents).__name__
            raise InputError(f"got a {got}; expected a list or other iterable of Documents")
        with self._store.writing():
            items = counted(self._changed(documents), self._tally)
            self._store_all(self._store, self._sizes(), items)
            self._store.flush()
        if failures := self._tally.failures:
            first = f"{failures[0].path!a}: {failures[0].reason}"
            raise InputError(f"{len(failures)} documents were not stored; the first: {first}")
        return self._report()

    def reindex(self) -> SyncReport:
        """Cut and embed all documents again in a separate store, then switch in one transaction.

        Readers see the old state until then. Raises EngineError, with nothing changed, if a
        document cannot be embedded.
        """
        with self._store.aside() as other:
            chunking = self._chunking or chunking_of(self._store.meta()) or Chunking()
            self._tally.files = self._store.stats().documents
            self._store_all(other, chunking, counted(self._all(), self._tally), flush=False)
            if self._tally.failures:
                first = self._tally.failures[0]
                raise EngineError(f"{first.path!a}: {first.reason}; the index is unchanged")
            self._store.adopt(other)
            self._store.flush()
        return self._report()

    def _sizes(self) -> Chunking:
        meta = self._store.meta()
        if self._chunking is not None:
            require_chunking(meta, self._chunking)
        return self._chunking or chunking_of(meta) or Chunking()

    def _store_all(
        self, store: Store, chunking: Chunking, items: Iterable[ToStore], *, flush: bool = True
    ) -> None:
        """Store the items and count the results."""

        def open_model() -> EmbeddingModel:
            model = self._open_model()
            require_model(store.meta(), model)
            for name, value in notes(model, chunking).items():
                store.set_meta(name, value)
            return model

        tally = self._tally
        ingest = Ingest(store, open_model, chunking, cache=self._cache, flush=flush)
        for written in ingest.run(items):
            tally.added += sum(one.is_new for one in written.stored)
            tally.changed += sum(not one.is_new for one in written.stored)
            tally.removed += written.removed
            tally.failures += [LoadFailure(one.document.id, why) for one, why in written.failed]
            tally.embedded = written.computed.embedded
            tally.remembered = written.computed.remembered
            tally.tokens = written.computed.tokens
            self._progress(tally)

    def _changed(self, documents: Iterable[Document]) -> Iterator[Item]:
        manifest = self._store.manifest()
        for document in documents:
            if not isinstance(document, Document):
                raise InputError(f"got a {type(document).__name__}; expected a Document")
            if reason := why_not_storable(document):
                yield LoadFailure(str(document.id), reason)
                continue
            entry, before = ManifestEntry(content_hash(document), None), manifest.get(document.id)
            if before == entry:
                yield Unchanged()
                continue
            manifest[document.id] = entry
            yield Incoming(document, entry.content_hash, is_new=before is None)

    def _all(self) -> Iterator[Item]:
        manifest = self._store.manifest()
        for document in self._store.documents():
            entry = manifest[document.id]
            yield Incoming(document, entry.content_hash, entry.source)
            yield FileRead(size_bytes=0)
        yield from self._store.sources().values()

    def _report(self) -> SyncReport:
        seconds = perf_counter() - self._start
        return self._tally.report(chunks=self._store.stats().chunks, seconds=seconds)


def preview(
    store: Store | None,
    walks: Sequence[Walk],
    readers: Readers,
    changed: Callable[[Change], None],
) -> SyncReport:
    """Report what a sync would do, document by document, without embedding or writing."""
    start, tally = perf_counter(), Tally()
    for item in counted(compared(store, walks, readers, tally), tally, changed):
        if isinstance(item, Incoming):
            tally.added += item.is_new
            tally.changed += not item.is_new
        elif isinstance(item, Removal):
            tally.removed += len(item.ids)
    chunks = store.stats().chunks if store else 0
    return tally.report(chunks=chunks, seconds=perf_counter() - start)


def compared(
    store: Store | None, walks: Sequence[Walk], readers: Readers, tally: Tally
) -> Iterator[Item]:
    """Look at the paths, and return an iterator of how they differ from the store.

    Raises InputError if a path is missing, or somebody must choose a default.
    """
    manifest, sources = (store.manifest(), store.sources()) if store else ({}, {})
    undecided = Undecided(store) if readers.default is None else None
    sync = Sync(walks, manifest=manifest, sources=sources, undecided=undecided)
    look = sync.look()
    sync.require_decided(look)
    return _differences(sync, look, tally)


def _differences(sync: Sync, look: Look, tally: Tally) -> Iterator[Item]:
    tally.files = len(look.files)
    tally.skipped += look.skipped
    tally.size_bytes = sum(found.source.size_bytes for found in look.files)
    yield Unchanged(look.unchanged)
    yield from look.failures
    yield from sync.items(look.files)


def counted(
    items: Iterable[Item], tally: Tally, changed: Callable[[Change], None] = lambda _: None
) -> Iterator[ToStore]:
    """Pass on the items to store; count the rest, and report each change before it is made."""
    for item in items:
        match item:
            case LoadFailure():
                tally.failures.append(item)
            case Unchanged():
                tally.unchanged += item.count
            case FileRead():
                tally.files_done += 1
                tally.bytes_done += item.size_bytes
            case Incoming():
                changed(item.change)
                yield item
            case Removal():
                for id in item.ids:
                    changed(Change("-", id))
                yield item
            case _:
                yield item
