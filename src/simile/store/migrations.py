"""The schema as a list of migrations: steps are only ever appended, never edited.

`PRAGMA user_version` counts the steps that have run. Ids are never reused (AUTOINCREMENT) and
rows are never updated, so whatever was decided for an id stays true.
"""

import sqlite3
import uuid

from simile.errors import StoreError


def create_tables(connection: sqlite3.Connection) -> None:
    """Create documents, chunks, access lists, metadata, vectors, and notes on the index."""
    for statement in (
        """CREATE TABLE documents (
            id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, title TEXT,
            text TEXT NOT NULL, metadata TEXT NOT NULL, acl TEXT NOT NULL, pages TEXT NOT NULL,
            content_hash TEXT NOT NULL, fingerprint TEXT NOT NULL,
            mtime_ns INTEGER, size_bytes INTEGER)""",
        """CREATE TABLE chunks (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
            ordinal INTEGER NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL,
            first_line INTEGER NOT NULL, last_line INTEGER NOT NULL, page INTEGER,
            headings TEXT NOT NULL, text TEXT NOT NULL, UNIQUE (document, ordinal))""",
        """CREATE TABLE vectors (
            chunk INTEGER PRIMARY KEY REFERENCES chunks ON DELETE CASCADE,
            vector BLOB NOT NULL)""",
        """CREATE TABLE acl (
            document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
            principal TEXT NOT NULL, PRIMARY KEY (document, principal)) WITHOUT ROWID""",
        "CREATE INDEX acl_by_principal ON acl (principal, document)",
        """CREATE TABLE metadata (
            document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
            name TEXT NOT NULL, value, is_bool INTEGER NOT NULL,
            PRIMARY KEY (document, name)) WITHOUT ROWID""",
        "CREATE INDEX metadata_by_name ON metadata (name, document)",
        """CREATE TABLE dead (
            chunk INTEGER PRIMARY KEY, generation INTEGER NOT NULL)""",
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    ):
        connection.execute(statement)
    notes = [("generation", "0"), ("index", uuid.uuid4().hex), ("dead_since", "0")]
    connection.executemany("INSERT INTO meta VALUES (?, ?)", notes)


def create_sources(connection: sqlite3.Connection) -> None:
    """Store files separately from the documents read from them: one file can hold many."""
    for statement in (
        """CREATE TABLE sources (
            path TEXT PRIMARY KEY, changed_ns INTEGER NOT NULL, size_bytes INTEGER NOT NULL,
            rules TEXT NOT NULL) WITHOUT ROWID""",
        "ALTER TABLE documents ADD COLUMN source TEXT",
        _FROM_FILES,
        *(f"ALTER TABLE documents DROP COLUMN {name}" for name in _MOVED),
    ):
        connection.execute(statement)


def cover_metadata(connection: sqlite3.Connection) -> None:
    """Make the index on metadata cover all columns that a read of it needs."""
    connection.execute("DROP INDEX metadata_by_name")
    covering = "metadata (name, document, is_bool, value)"
    connection.execute(f"CREATE INDEX metadata_by_name ON {covering}")


_FROM_FILES = """UPDATE documents SET source = iif(instr(key, '#row ') OR instr(key, '#line ')
    OR instr(key, '#item '), substr(key, 1, instr(key, '#') - 1), key) WHERE mtime_ns IS NOT NULL"""
"""Without it the next sync would take documents of files for a program's, and never update them."""
_MOVED = ("fingerprint", "mtime_ns", "size_bytes")
MIGRATIONS = (create_tables, create_sources, cover_metadata)


def migrate(connection: sqlite3.Connection) -> None:
    """Run the steps still missing. Raises StoreError for a file of a newer simile."""
    if _version(connection) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        seen = _version(connection)
        if seen > len(MIGRATIONS):
            raise StoreError(
                f"the index has schema {seen}, but this simile supports up to "
                f"{len(MIGRATIONS)}; upgrade simile to read it"
            )
        for step in MIGRATIONS[seen:]:
            step(connection)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
