"""A cache of text vectors, shared by all indexes of a user.

A separate SQLite file: losing it costs only computation. Keyed by the model's fingerprint and
the exact text.
"""

import sqlite3
import threading
import zlib
from collections.abc import Sequence
from contextlib import closing, suppress
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simile.errors import StoreError
from simile.store.database import mapped, use_write_ahead_log
from simile.types import Embeddings

_TABLE = """CREATE TABLE IF NOT EXISTS checked_embeddings (
    fingerprint TEXT NOT NULL, text BLOB NOT NULL, vector BLOB NOT NULL, crc INTEGER NOT NULL,
    PRIMARY KEY (fingerprint, text)) WITHOUT ROWID"""
_PART = 500


def hash_text(text: str) -> bytes:
    """Return the SHA-256 digest that is a text's key in the cache."""
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


class EmbeddingCache:
    """A cache of vectors by fingerprint and text; safe for threads and processes to share."""

    def __init__(self, path: Path) -> None:
        """Open or create the file; replace a damaged one."""
        self._path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise StoreError(f"{path.parent} cannot be created: {exc}") from exc
        with mapped(path):
            try:
                self._connection = _open(path)
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:  # not a database, or torn
                for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
                    with suppress(OSError):
                        path.with_name(name).unlink()
                self._connection = _open(path)

    def get(self, fingerprint: str, hashes: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        """Return the cached vectors, float32 (dim,), by the text's hash."""
        found: dict[bytes, NDArray[np.float32]] = {}
        with self._lock, mapped(self._path):
            for begin in range(0, len(hashes), _PART):
                part = hashes[begin : begin + _PART]
                sql = f"""SELECT text, vector, crc FROM checked_embeddings
                    WHERE fingerprint = ? AND text IN ({",".join("?" * len(part))})"""
                for text, vector, crc in self._connection.execute(sql, (fingerprint, *part)):
                    if isinstance(vector, bytes) and _crc(fingerprint, text, vector) == crc:
                        found[text] = np.frombuffer(vector, np.float32)
        return found

    def put(self, fingerprint: str, hashes: Sequence[bytes], vectors: Embeddings) -> None:
        """Cache vectors, float32 (n, dim), except those that are not finite."""
        rows = np.ascontiguousarray(vectors, dtype=np.float32)
        pairs = zip(hashes, rows, strict=True)
        values = [
            (fingerprint, hash, row.tobytes(), _crc(fingerprint, hash, row.tobytes()))
            for hash, row in pairs
            if np.isfinite(row).all()
        ]
        with self._lock, mapped(self._path), self._connection:
            sql = "INSERT OR REPLACE INTO checked_embeddings VALUES (?, ?, ?, ?)"
            self._connection.executemany(sql, values)

    def close(self) -> None:
        """Close the file; safe to call twice."""
        with self._lock, mapped(self._path):
            self._connection.close()


def _crc(fingerprint: str, text: bytes, vector: bytes) -> int:
    return zlib.crc32(vector, zlib.crc32(text, zlib.crc32(fingerprint.encode())))


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False, timeout=30)
    try:
        use_write_ahead_log(connection)
        connection.execute("PRAGMA synchronous = NORMAL")
        with connection:
            connection.execute(_TABLE)
    except BaseException:
        with closing(connection):
            raise
    return connection
