"""Check that documents, chunks, vectors and access lists in SQLite agree with each other.

An edited or corrupted file may still be valid SQLite; nothing else would notice the damage.
"""

import json
import sqlite3
from collections import Counter

import numpy as np

_HINT = "remove them with `simile forget` and index them again"


def content_problems(connection: sqlite3.Connection, dim: int) -> list[str]:
    """Describe each problem, with one affected document; a single pass over all documents."""
    counts, examples = Counter[str](), dict[str, str]()
    sql = "SELECT id, key, text, acl, metadata, pages FROM documents ORDER BY id"
    for number, key, text, acl, metadata, pages in connection.execute(sql):
        wrong = _why_fields(connection, number, key, text, acl, metadata, pages)
        if wrong is None:
            wrong = _why_chunks(connection, number, text, dim)
        if wrong is not None:
            counts[wrong] += 1
            examples.setdefault(wrong, ascii(key))
    return [
        f"{count} documents {wrong}, such as {examples[wrong]}; {_HINT}"
        for wrong, count in counts.items()
    ]


def _why_fields(
    connection: sqlite3.Connection, number: int, key: object, text: object, *fields: object
) -> str | None:
    if not isinstance(key, str) or not isinstance(text, str):
        return "whose name or text is invalid"
    try:
        acl, metadata, pages = map(json.loads, map(str, fields))
    except ValueError:
        return "whose access list, metadata or pages cannot be read"
    if not (isinstance(acl, list) and isinstance(metadata, dict) and isinstance(pages, list)):
        return "whose access list, metadata or pages cannot be read"
    rows = connection.execute("SELECT principal FROM acl WHERE document = ?", (number,)).fetchall()
    if rows and {row[0] for row in rows} != set(map(str, acl)):
        return "that the principals on their access list cannot find"
    rows = connection.execute("SELECT name FROM metadata WHERE document = ?", (number,)).fetchall()
    if {row[0] for row in rows} != set(metadata):
        return "that filters do not find by their metadata"
    return None


def _why_chunks(connection: sqlite3.Connection, number: int, text: str, dim: int) -> str | None:
    sql = """SELECT start, "end", chunks.text, headings, vector FROM chunks
        LEFT JOIN vectors ON vectors.chunk = chunks.id WHERE document = ?"""
    for start, end, part, headings, vector in connection.execute(sql, (number,)):
        if not isinstance(start, int) or not isinstance(end, int) or text[start:end] != part:
            return "with chunks that are not part of their text"
        try:
            json.loads(headings)
        except (ValueError, TypeError):
            return "with headings that cannot be read"
        if vector is None:
            continue  # already counted among the orphans
        if not isinstance(vector, bytes) or len(vector) != dim * 4:
            return "with vectors of the wrong width"
        if not np.isfinite(np.frombuffer(vector, np.float32)).all():
            return "with vectors that are not finite"
    return None
