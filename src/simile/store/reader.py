"""Read a snapshot of SQLite for the derived files: what was added and deleted since when."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BLOCK = 4096
NONCES = "nonces"
"""The note that has a random number for each of the last generations."""


@dataclass(frozen=True)
class SourceText:
    """The parts of a chunk that the inverted index needs."""

    id: int
    title: str | None
    text: str


class StoreReader:
    """Reads from a connection whose transaction the caller keeps open."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        notes = dict(connection.execute("SELECT name, value FROM meta").fetchall())
        self.index = str(notes["index"])
        self.generation = int(notes["generation"])
        self.dim = int(notes.get("dim", 0))
        self._nonces: dict[str, str] = json.loads(notes.get(NONCES, "{}"))
        self._dead_since = int(notes["dead_since"])
        self.last_id = self._number("SELECT seq FROM sqlite_sequence WHERE name = 'chunks'")
        self.count = self._number("SELECT count(*) FROM vectors")

    def _number(self, sql: str) -> int:
        row = self._connection.execute(sql).fetchone()
        return int(row[0]) if row else 0

    @property
    def mark(self) -> dict[str, object]:
        """What a derived file's head says of the state it was made from."""
        nonce = self._nonces.get(str(self.generation), "")
        return {"generation": self.generation, "nonce": nonce}

    def remembers(self, head: Mapping[str, object]) -> bool:
        """Return whether this database was in the state that a head names.

        A copy that was restored and then changed reaches the same numbers by another way.
        """
        generation = head.get("generation")
        if not isinstance(generation, int):
            return False
        if generation > self.generation:  # written since this snapshot began; see knows_dead_since
            return True
        return self._nonces.get(str(generation), "") == head.get("nonce", "")

    def knows_dead_since(self, generation: int) -> bool:
        """Return whether `dead` is complete for a file of that generation."""
        return self._dead_since <= generation <= self.generation

    def dead(self, generation: int) -> NDArray[np.int64]:
        """Return the ids of chunks deleted after that generation, ascending."""
        sql = "SELECT chunk FROM dead WHERE generation > ? ORDER BY chunk"
        rows = self._connection.execute(sql, (generation,)).fetchall()
        return np.array([row[0] for row in rows], dtype=np.int64)

    def ids(self) -> NDArray[np.int64]:
        """Return the ids of all chunks that have a vector, ascending."""
        rows = self._connection.execute("SELECT chunk FROM vectors ORDER BY chunk").fetchall()
        return np.array([row[0] for row in rows], dtype=np.int64)

    def vectors(self, after: int) -> Iterator[tuple[NDArray[np.int64], bytes]]:
        """Yield blocks of chunks with greater ids: (chunk, document) int64 (n, 2), and floats."""
        cursor = self._connection.execute(
            """SELECT chunks.id, chunks.document, vector FROM vectors
            JOIN chunks ON chunks.id = vectors.chunk WHERE vectors.chunk > ?
            ORDER BY vectors.chunk""",
            (after,),
        )
        while rows := cursor.fetchmany(_BLOCK):
            pairs = np.array([row[:2] for row in rows], dtype=np.int64)
            yield pairs, b"".join(row[2] for row in rows)

    def texts(self, after: int) -> Iterator[SourceText]:
        """Yield the chunks with greater ids, ascending."""
        cursor = self._connection.execute(
            """SELECT chunks.id, title, chunks.text FROM chunks
            JOIN documents ON documents.id = chunks.document WHERE chunks.id > ?
            ORDER BY chunks.id""",
            (after,),
        )
        for row in cursor:
            yield SourceText(*row)
