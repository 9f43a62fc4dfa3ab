"""Check a folder's SQLite file for consistency, and its derived files against it."""

import sqlite3
from pathlib import Path

import numpy as np

from simile.store.codes import Codes, encode, same_codes
from simile.store.content import content_problems
from simile.store.database import Database
from simile.store.inverted import HEAD as INVERTED_HEAD
from simile.store.inverted import is_intact, load_inverted
from simile.store.inverted import is_older as is_inverted_older
from simile.store.matrix import HEAD as MATRIX_HEAD
from simile.store.matrix import is_older, load_matrix
from simile.store.reader import StoreReader

_ORPHANS = {
    "chunks without a document": "chunks WHERE document NOT IN (SELECT id FROM documents)",
    "vectors without a chunk": "vectors WHERE chunk NOT IN (SELECT id FROM chunks)",
    "chunks without a vector": "chunks WHERE id NOT IN (SELECT chunk FROM vectors)",
    "access entries without a document": "acl WHERE document NOT IN (SELECT id FROM documents)",
    "metadata without a document": "metadata WHERE document NOT IN (SELECT id FROM documents)",
    "documents without an access list": "documents WHERE id NOT IN (SELECT document FROM acl)",
    "dead chunks that live": "dead WHERE chunk IN (SELECT id FROM chunks)",
}


def check_store(
    database: Database, folder: Path, language: str, *, repair: bool
) -> tuple[str, ...]:
    """Describe each problem; `repair` removes orphans. The caller must hold the writer's lock.

    A derived file that is missing, behind, or in an older format is not a problem: the next view
    updates it.
    """
    problems = [f"SQLite: {row[0]}" for row in database.rows("PRAGMA integrity_check")]
    problems = [problem for problem in problems if problem != "SQLite: ok"]
    orphans = _orphans(database)
    if orphans and repair:
        with database.transaction() as connection:
            _read_again(connection)
            for what in orphans:
                connection.execute(f"DELETE FROM {_ORPHANS[what]}")
            sql = "UPDATE meta SET value = value + 1 WHERE name = 'generation'"
            connection.execute(sql)
    problems += [f"{count} {what}" for what, count in orphans.items()]
    with database.snapshot() as connection:
        problems += content_problems(connection, StoreReader(connection).dim)
        problems += _matrix_problems(connection, folder)
        problems += _inverted_problems(connection, folder, language)
    return tuple(problems)


def _read_again(connection: sqlite3.Connection) -> None:
    """Make the next sync rewrite the documents that lose chunks: their files look unchanged."""
    connection.execute("DELETE FROM sources")
    connection.execute(
        """UPDATE documents SET content_hash = '' WHERE id IN (SELECT document FROM chunks
        WHERE id NOT IN (SELECT chunk FROM vectors) UNION SELECT document FROM chunks
        GROUP BY document HAVING max(ordinal) + 1 != count(*))
        OR id NOT IN (SELECT document FROM chunks)"""
    )


def _orphans(database: Database) -> dict[str, int]:
    counts = {what: database.rows(f"SELECT count(*) FROM {_ORPHANS[what]}") for what in _ORPHANS}
    return {what: int(rows[0][0]) for what, rows in counts.items() if rows[0][0]}


def _matrix_problems(connection: sqlite3.Connection, folder: Path) -> list[str]:
    source = StoreReader(connection)
    matrix = load_matrix(folder, source.index)
    if matrix is None:
        damaged = (folder / MATRIX_HEAD).exists() and not is_older(folder)
        return ["the vector matrix is damaged"] if damaged else []
    if matrix.generation != source.generation:
        return []  # merely behind: the next view updates it
    if not np.array_equal(matrix.ids[matrix.alive], source.ids()):
        return ["the chunks in the vector matrix are not those of the documents"]
    rows = np.flatnonzero(matrix.alive)
    begin = 0
    for pairs, blob in source.vectors(0):
        part = rows[begin : begin + len(pairs)]
        begin += len(pairs)
        same = np.array_equal(matrix.document_rows[part], pairs[:, 1])
        if not same or matrix.vectors[part].tobytes() != blob:
            return ["the values in the vector matrix are not those that were stored"]
        codes = Codes(matrix.codes.values[part], matrix.codes.bounds[:, part])
        if not same_codes(codes, encode(matrix.vectors[part])):
            return ["the codes in the vector matrix do not match its values"]
    return []


def _inverted_problems(connection: sqlite3.Connection, folder: Path, language: str) -> list[str]:
    source = StoreReader(connection)
    inverted = load_inverted(folder, source.index, language)
    if inverted is None or not is_intact(folder):
        damaged = (folder / INVERTED_HEAD).exists() and not is_inverted_older(folder)
        return ["the inverted index is damaged"] if damaged else []
    if inverted.generation != source.generation:
        return []
    ids = np.concatenate([np.empty(0, np.int64), *(part.ids for part in inverted.segments)])
    if not np.isin(source.ids(), ids, assume_unique=True).all():
        return ["the inverted index does not hold all chunks of the documents"]
    return []
