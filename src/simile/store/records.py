"""Convert documents to rows and back; reject invalid ones before anything is written."""

import json
import sqlite3
from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np

from simile.errors import InputError, StoreError
from simile.store.database import Row
from simile.store.protocol import SourceFile, StoredChunk, StoredDocument
from simile.types import Chunk, Document

DOCUMENT = "key, text, title, metadata, acl, pages"
CHUNK = (
    'chunks.id, key, title, ordinal, start, "end", first_line, last_line, page, headings, '
    "chunks.text, metadata, acl FROM chunks JOIN documents ON documents.id = chunks.document"
)
FIRST_PROTECTED = """SELECT key FROM documents
    WHERE id NOT IN (SELECT document FROM acl WHERE principal = 'public') LIMIT 1"""
PUBLIC_SOURCES = """SELECT source, key FROM acl JOIN documents ON documents.id = acl.document
    WHERE principal = 'public' AND documents.acl = '["public"]' AND source IS NOT NULL"""
_MAX_PRINCIPAL = 1000
_INT64 = range(-(2**63), 2**63)


def require_storable(stored: StoredDocument, dim: int | None) -> int:
    """Return the document's dim (`dim` if it has no chunks). Raises InputError if it is invalid."""
    document, vectors = stored.document, stored.vectors
    name = ascii(document.id)
    strings = [document.id, document.title or "", document.text, *document.acl]
    strings += [stored.source or ""]
    strings += [str(part) for pair in document.metadata.items() for part in pair]
    strings += [part for chunk in stored.chunks for part in (chunk.text, *chunk.headings)]
    for string in strings:
        _require_unicode(string, name)
    if not document.id:
        raise InputError("a document's id is empty; expected a path, a URL or a key")
    if isinstance(document.acl, str) or not document.acl:
        got = ascii(document.acl)
        raise InputError(f"{name}: acl is {got}; expected a list of principals, or ['public']")
    if any(not 0 < len(principal) <= _MAX_PRINCIPAL for principal in document.acl):
        raise InputError(f"{name}: a principal must have 1 to {_MAX_PRINCIPAL} characters")
    if vectors.ndim != 2 or len(vectors) != len(stored.chunks):
        got = f"{len(stored.chunks)} chunks came with vectors of shape {vectors.shape}"
        raise InputError(f"{name}: {got}; expected one row per chunk")
    if not len(vectors):
        return dim or 0
    if dim and vectors.shape[1] != dim:
        raise InputError(f"{name}: vectors have width {vectors.shape[1]}, the index has {dim}")
    if not np.isfinite(vectors).all():
        raise InputError(f"{name}: its vectors contain NaN or Inf; expected finite numbers")
    return int(vectors.shape[1])


def _require_unicode(string: str, name: str) -> None:
    try:
        string.isascii() or string.encode()
    except UnicodeEncodeError as exc:
        raise InputError(f"{name}: invalid Unicode at character {exc.start}: {exc.reason}") from exc


def insert_document(connection: sqlite3.Connection, stored: StoredDocument) -> None:
    """Insert the document, its access list, metadata, chunks and vectors; its id must be unused."""
    document = stored.document
    acl = sorted(set(document.acl))
    metadata, pages = json.dumps(dict(document.metadata)), json.dumps(list(document.pages))
    row = (document.id, document.text, document.title, metadata, json.dumps(acl), pages)
    number = connection.execute(
        f"""INSERT INTO documents ({DOCUMENT}, content_hash, source)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        (*row, stored.content_hash, stored.source),
    ).lastrowid
    connection.executemany("INSERT INTO acl VALUES (?, ?)", [(number, who) for who in acl])
    connection.executemany(
        "INSERT INTO metadata VALUES (?, ?, ?, ?)",
        [
            (number, name, _column(value), isinstance(value, bool))
            for name, value in document.metadata.items()
        ],
    )
    rows = np.ascontiguousarray(stored.vectors, dtype=np.float32)
    for ordinal, (chunk, vector) in enumerate(zip(stored.chunks, rows, strict=True)):
        place = (chunk.start, chunk.end, *chunk.lines, chunk.page)
        id = connection.execute(
            "INSERT INTO chunks VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (number, ordinal, *place, json.dumps(chunk.headings), chunk.text),
        ).lastrowid
        connection.execute("INSERT INTO vectors VALUES (?, ?)", (id, vector.tobytes()))


def delete_documents(connection: sqlite3.Connection, keys: Iterable[str], generation: int) -> int:
    """Delete documents and record their chunks as dead; return how many documents existed.

    Files they came from are no longer complete, so their rows are deleted too.
    """
    found = 0
    for key in keys:
        sql = "SELECT id, source FROM documents WHERE key = ?"
        row = connection.execute(sql, (key,)).fetchone()
        if row is None:
            continue
        found += 1
        connection.execute(
            "INSERT INTO dead SELECT id, ? FROM chunks WHERE document = ?", (generation, row[0])
        )
        connection.execute("DELETE FROM documents WHERE id = ?", row[:1])
        connection.execute("DELETE FROM sources WHERE path = ?", row[1:])
    return found


def insert_sources(
    connection: sqlite3.Connection, written: Iterable[str | None], sources: Iterable[SourceFile]
) -> None:
    """Store the rows of complete files; delete those of files that were only partly written."""
    paths = [(path,) for path in set(written) - {None}]
    connection.executemany("DELETE FROM sources WHERE path = ?", paths)
    rows = [(file.path, file.changed_ns, file.size_bytes, file.rules) for file in sources]
    connection.executemany("INSERT OR REPLACE INTO sources VALUES (?, ?, ?, ?)", rows)


def read_document(row: Row) -> Document:
    """Convert a row of DOCUMENT. Raises StoreError if it is damaged."""
    key, text, title, metadata, acl, pages = row
    known, who = _parsed(key, metadata, dict), _principals(key, acl)
    return Document(key, text, title, known, who, tuple(_parsed(key, pages, list)))


def read_chunk(row: Row) -> StoredChunk:
    """Convert a row of CHUNK. Raises StoreError if it is damaged."""
    id, key, title, ordinal, start, end, first, last, page, headings, text, metadata, acl = row
    if not isinstance(key, str) or not isinstance(text, str):
        raise StoreError(f"the index is damaged at {key!a}: its text is missing or invalid")
    chunk = Chunk(start, end, text, tuple(_parsed(key, headings, list)), (first, last), page)
    known, who = _parsed(key, metadata, dict), _principals(key, acl)
    return StoredChunk(id, key, title, ordinal, chunk, known, who)


def _principals(key: str, text: str) -> tuple[str, ...]:
    found = _parsed(key, text, list)
    if not all(isinstance(principal, str) for principal in found):
        raise StoreError(f"the index is damaged at {key!a}: its access list holds no names")
    return tuple(found)


_Kind = TypeVar("_Kind", bound="list[Any] | dict[str, Any]")


def _parsed(key: str, text: str, kind: type[_Kind]) -> _Kind:
    try:
        value = json.loads(text)
    except (ValueError, TypeError) as exc:
        value = exc
    if not isinstance(value, kind):
        raise StoreError(
            f"the index is damaged at {key!a}: got {ascii(text)[:80]}, expected a JSON "
            f"{kind.__name__}. Remove it with `simile forget` and index it again"
        )
    return value


def _column(value: object) -> object:
    """Return a value that SQLite can store: integers beyond 64 bits become floats."""
    if isinstance(value, int) and value not in _INT64:
        try:
            return float(value)
        except OverflowError:
            return None
    return value


def storable_key(id: str) -> str:
    """Return an id that SQLite accepts; for invalid Unicode the empty id, which is never used."""
    if not isinstance(id, str):
        raise InputError(f"a document's id is {id!r}; expected a string")
    return id if id.isascii() or _is_unicode(id) else ""


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
