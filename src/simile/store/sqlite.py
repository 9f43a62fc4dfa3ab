"""The default store: a folder with a SQLite file and two indexes derived from it.

Writes go to SQLite only; the derived files are updated by `flush`, or by `view` if nobody else is
writing. A reader that cannot update them uses the existing ones, or builds its own in memory.
Most SQL is in `records`, `reader` and `view`.
"""

import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from simile.errors import (
    FingerprintError,
    IndexNotFoundError,
    InputError,
    LockedError,
    StoreError,
)
from simile.store import inverted as inverted_file
from simile.store import matrix as matrix_file
from simile.store.check import check_store
from simile.store.database import Database, mapped
from simile.store.folder import clear, make_folder, size_of
from simile.store.lock import WriterLock
from simile.store.protocol import (
    CheckReport,
    ManifestEntry,
    SourceFile,
    Store,
    StoredChunk,
    StoredDocument,
    StoreStats,
)
from simile.store.readable import readable_document, readable_documents
from simile.store.reader import StoreReader
from simile.store.records import (
    CHUNK,
    DOCUMENT,
    FIRST_PROTECTED,
    PUBLIC_SOURCES,
    delete_documents,
    insert_document,
    insert_sources,
    read_chunk,
    read_document,
    require_storable,
    storable_key,
)
from simile.store.terms import make_analyzer
from simile.store.view import SqliteView
from simile.types import Document

FILE = "index.sqlite"
ASIDE = "aside"
_RESERVED = {"generation", "index", "dead_since", "dim", "fingerprint", "language"}
"""Notes that the store maintains itself: overwriting one would break the derived files."""
_MOST_DEAD = 100_000


class SqliteStore:
    """A `protocol.Store` in a folder; safe for threads to share. Raises StoreError on failure."""

    def __init__(self, folder: Path, *, create: bool = False, language: str | None = None) -> None:
        """`language` selects the stemmer and is saved with the index; English by default."""
        if not create and not (folder / FILE).is_file():
            raise IndexNotFoundError(
                f"{folder} holds no index; create one with `simile index PATH -i {folder}`"
            )
        if language is not None:
            make_analyzer(language)  # raises ConfigError before anything is written
        try:
            make_folder(folder)
        except OSError as exc:
            raise StoreError(f"{folder} cannot be created: {exc}") from exc
        self.folder = folder
        self._database = Database(folder / FILE)
        self._writer = WriterLock(folder)
        self._lock = threading.RLock()
        self._write_lock = threading.RLock()
        self._view: SqliteView | None = None
        self._view_state: tuple[int, bool] | None = None
        if language is not None and self.language != language:
            self._set("language", language)
            self._view = None

    @property
    def language(self) -> str:
        """The language whose stemmer the inverted index uses."""
        return self.meta().get("language", "english")

    @contextmanager
    def writing(self, *, timeout_s: float = 10.0) -> Iterator[None]:
        """See `protocol.Store`; other threads of this process wait as well."""
        if not self._write_lock.acquire(timeout=timeout_s):
            raise LockedError(f"{self.folder} is being written by another thread of this process")
        try:
            self._writer.acquire(timeout_s=timeout_s)
            try:
                yield
            finally:
                self._writer.release()
        finally:
            self._write_lock.release()

    def write(
        self, documents: Sequence[StoredDocument], *, sources: Sequence[SourceFile] = ()
    ) -> None:
        """See `protocol.Store`. Raises InputError, with nothing written, for invalid documents."""
        with self.writing(), self._database.transaction() as connection:
            notes = dict(connection.execute("SELECT name, value FROM meta").fetchall())
            dim, fingerprint = int(notes.get("dim", 0)), notes.get("fingerprint")
            generation = int(notes["generation"]) + bool(documents)  # views do not show sources
            for stored in documents:
                dim = require_storable(stored, dim)
                fingerprint = fingerprint or stored.fingerprint
                if stored.fingerprint != fingerprint:
                    raise FingerprintError(
                        f"the index was made with {fingerprint}, but {stored.document.id!a} "
                        f"with {stored.fingerprint}; rebuild the index with `simile reindex`"
                    )
                delete_documents(connection, [stored.document.id], generation)
                insert_document(connection, stored)
            insert_sources(connection, (stored.source for stored in documents), sources)
            new = {"generation": str(generation), "fingerprint": fingerprint or ""}
            new |= {"dim": str(dim)} if dim else {}
            rows = [item for item in new.items() if item[1]]
            connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)

    def delete(self, ids: Iterable[str]) -> int:
        """See `protocol.Store`."""
        with self.writing(), self._database.transaction() as connection:
            sql = "SELECT value FROM meta WHERE name = 'generation'"
            generation = int(connection.execute(sql).fetchone()[0]) + 1
            found = delete_documents(connection, map(storable_key, ids), generation)
            if found:
                sql = "UPDATE meta SET value = ? WHERE name = 'generation'"
                connection.execute(sql, (str(generation),))
            return found

    def flush(self) -> None:
        """See `protocol.Store`; waits for the writer's lock."""
        with self.writing():
            self.view()
            with self._database.transaction() as connection:
                if connection.execute("SELECT count(*) FROM dead").fetchone()[0] > _MOST_DEAD:
                    connection.execute("DELETE FROM dead")
                    sql = """UPDATE meta SET value = (SELECT value FROM meta WHERE name =
                        'generation') WHERE name = 'dead_since'"""
                    connection.execute(sql)

    def document(self, id: str, *, principals: Iterable[str] | None = None) -> Document | None:
        """See `protocol.Store`."""
        if principals is not None:
            with self._database.reading() as connection:
                return readable_document(connection, storable_key(id), principals)
        sql = f"SELECT {DOCUMENT} FROM documents WHERE key = ?"
        rows = self._database.rows(sql, (storable_key(id),))
        return read_document(rows[0]) if rows else None

    def documents(self, *, principals: Iterable[str] | None = None) -> Iterator[Document]:
        """Read lazily from the snapshot at the first one; see `protocol.Store`."""
        with self._database.snapshot() as connection:
            if principals is not None:
                yield from readable_documents(connection, principals)
                return
            for row in connection.execute(f"SELECT {DOCUMENT} FROM documents ORDER BY key"):
                yield read_document(row)

    def chunks(self, ids: Iterable[int]) -> dict[int, StoredChunk]:
        """See `protocol.Store`."""
        numbers = [int(id) for id in ids]
        rows = self._database.rows_in(f"SELECT {CHUNK} WHERE chunks.id IN (?)", numbers)
        return {row[0]: read_chunk(row) for row in rows}

    def document_chunks(self, id: str) -> list[StoredChunk]:
        """See `protocol.Store`."""
        sql = f"SELECT {CHUNK} WHERE key = ? ORDER BY ordinal"
        return [read_chunk(row) for row in self._database.rows(sql, (storable_key(id),))]

    def first_protected(self) -> str | None:
        """See `protocol.Store`."""
        rows = self._database.rows(FIRST_PROTECTED)
        return rows[0][0] if rows else None

    def public_sources(self) -> dict[str, str]:
        """See `protocol.Store`."""
        return dict(self._database.rows(PUBLIC_SOURCES))

    def manifest(self) -> dict[str, ManifestEntry]:
        """See `protocol.Store`."""
        sql = "SELECT key, content_hash, source FROM documents"
        return {row[0]: ManifestEntry(*row[1:]) for row in self._database.rows(sql)}

    def sources(self) -> dict[str, SourceFile]:
        """See `protocol.Store`."""
        sql = "SELECT path, changed_ns, size_bytes, rules FROM sources"
        return {row[0]: SourceFile(*row) for row in self._database.rows(sql)}

    def meta(self) -> Mapping[str, str]:
        """See `protocol.Store`."""
        return dict(self._database.rows("SELECT name, value FROM meta"))

    def set_meta(self, name: str, value: str) -> None:
        """See `protocol.Store`. Raises InputError for names that the store maintains itself."""
        if name in _RESERVED:
            raise InputError(f"{name!r} is reserved for the store; choose another name")
        self._set(name, value)

    def _set(self, name: str, value: str) -> None:
        with self.writing(), self._database.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    @contextmanager
    def aside(self) -> Iterator["SqliteStore"]:
        """See `protocol.Store`; holds the writer's lock throughout."""
        folder = self.folder / ASIDE
        with self.writing():
            clear(folder)
            other = SqliteStore(folder, create=True, language=self.language)
            try:
                other._database.continue_after(self._database)
                yield other
            finally:
                other.close()
                shutil.rmtree(folder, ignore_errors=True)

    def adopt(self, other: Store) -> None:
        """See `protocol.Store`. Raises InputError unless `other` is from this store's `aside`."""
        if not isinstance(other, SqliteStore) or other.folder != self.folder / ASIDE:
            raise InputError("expected a store from this one's aside()")
        with self.writing():
            self._database.replace_by(other._database)

    def stats(self) -> StoreStats:
        """See `protocol.Store`."""
        counts = "SELECT (SELECT count(*) FROM documents), (SELECT count(*) FROM chunks)"
        [(documents, chunks)] = self._database.rows(counts)
        notes, size = self.meta(), size_of(self.folder)
        with mapped(self._database.path):
            dim = int(notes["dim"]) if "dim" in notes else None
        return StoreStats(documents, chunks, dim, self._database.generation(), size)

    def view(self) -> SqliteView:
        """See `protocol.Store`; the first call after a change updates the derived files."""
        with self._lock:
            generation = self._database.generation()
            if self._view is None or self._view_state != (generation, True):
                self._view = self._new_view(rebuild=False)
            return self._view

    def _new_view(self, *, rebuild: bool) -> SqliteView:
        current = self._writer.try_acquire()
        try:
            with self._database.snapshot() as connection:
                source = StoreReader(connection)
                if self._view and not current and self._view_state == (source.generation, False):
                    return self._view
                matrix, inverted = self._derived(source, current=current, rebuild=rebuild)
        except OSError as exc:
            if isinstance(exc, StoreError):
                raise
            raise StoreError(f"{self.folder}: {exc}") from exc
        finally:
            if current:
                self._writer.release()
        self._view_state = (source.generation, current)
        return SqliteView(source.generation, matrix, inverted, self._database)

    def _derived(
        self, source: StoreReader, *, current: bool, rebuild: bool
    ) -> tuple[matrix_file.Matrix, inverted_file.Inverted]:
        if current:
            return (
                matrix_file.update_matrix(self.folder, source, rebuild=rebuild),
                inverted_file.update_inverted(self.folder, source, self.language, rebuild=rebuild),
            )
        matrix = matrix_file.load_matrix(self.folder, source.index)
        inverted = inverted_file.load_inverted(self.folder, source.index, self.language)
        return (
            matrix or matrix_file.matrix_in_memory(source),
            inverted or inverted_file.inverted_in_memory(source, self.language),
        )

    def check(self, *, repair: bool = False) -> CheckReport:
        """See `protocol.Store`; takes the writer's lock, so that nothing changes meanwhile."""
        with self.writing(), self._lock:
            problems = check_store(self._database, self.folder, self.language, repair=repair)
            if not problems or not repair:
                return CheckReport(problems, repaired=False)
            self._view = self._new_view(rebuild=True)
            left = check_store(self._database, self.folder, self.language, repair=False)
            return CheckReport(left or problems, repaired=not left)

    def close(self) -> None:
        """See `protocol.Store`."""
        with self._lock:
            self._view = None
            self._database.close()
