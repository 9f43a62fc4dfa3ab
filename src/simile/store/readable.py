"""Read documents on behalf of principals, with the same steps whether or not others exist.

An unreadable document is not found, rather than found and withheld: nothing of it is read, so the
time that an answer takes does not tell that it exists.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator

from simile.store.protocol import PUBLIC
from simile.store.records import DOCUMENT, read_document
from simile.types import Document

_AMONG = "principal IN (SELECT value FROM json_each(?))"
_ONE = f"""SELECT {DOCUMENT} FROM documents WHERE id = (SELECT document FROM acl
    WHERE document = coalesce((SELECT id FROM documents WHERE key = ?), 0) AND {_AMONG} LIMIT 1)"""
_ALL = f"""SELECT documents.id FROM (SELECT DISTINCT document FROM acl WHERE {_AMONG}) AS readable
    CROSS JOIN documents ON documents.id = readable.document ORDER BY key"""
# CROSS JOIN makes SQLite begin with the readable ones; otherwise it walks over all documents.


def readable_document(
    connection: sqlite3.Connection, key: str, principals: Iterable[str]
) -> Document | None:
    """Return the document with this id; None if there is none that the principals may read."""
    row = connection.execute(_ONE, (key, _listed(principals))).fetchone()
    return None if row is None else read_document(row)


def readable_documents(
    connection: sqlite3.Connection, principals: Iterable[str]
) -> Iterator[Document]:
    """Yield the documents that the principals may read, by id."""
    ids = connection.execute(_ALL, (_listed(principals),)).fetchall()
    for id in ids:
        sql = f"SELECT {DOCUMENT} FROM documents WHERE id = ?"
        yield read_document(connection.execute(sql, id).fetchone())


def _listed(principals: Iterable[str]) -> str:
    return json.dumps(sorted({*principals, PUBLIC}))
