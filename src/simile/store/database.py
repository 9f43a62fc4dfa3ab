"""Open a SQLite file and run its transactions.

Uses a write-ahead log, so that readers and the writer never block each other. `synchronous` is
FULL: one fsync per batch of documents is cheap, and without it a power cut could undo
transactions whose numbers the derived files already contain.
"""

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from simile.errors import SimileError, StoreError
from simile.store.migrations import migrate

BUSY_TIMEOUT_S = 30.0
_POLL_S = 0.01
_BIND_LIMIT = 500
Row = tuple[Any, ...]


class Database:
    """One connection for reads and one for writes, shared by threads; new ones for long reads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._write_lock = threading.Lock()
        with mapped(path):
            self._connection = _connect(path)
            try:
                migrate(self._connection)
                self._writer = _connect(path)
            except BaseException:
                self._connection.close()
                raise

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit everything inside at once, or nothing if it raises."""
        with self._write_lock, mapped(self.path):
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Open a new connection with a consistent snapshot, however long it reads."""
        with mapped(self.path), closing(_connect(self.path)) as connection:
            connection.execute("BEGIN")
            yield connection

    def continue_after(self, other: "Database") -> None:
        """Let an empty database continue the other's ids and generation."""
        generation = other.generation()
        sequences = other.rows("SELECT name, seq FROM sqlite_sequence")
        with self.transaction() as connection:
            sql = "UPDATE meta SET value = ? WHERE name = 'generation'"
            connection.execute(sql, (str(generation + 1),))
            connection.executemany("INSERT INTO sqlite_sequence VALUES (?, ?)", sequences)

    def replace_by(self, other: "Database") -> None:
        """Copy the other's content over this one's in one transaction (SQLite's backup)."""
        with self._write_lock, mapped(self.path), closing(_connect(other.path)) as source:
            source.backup(self._writer)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection that threads share for reads, briefly."""
        with self._lock, mapped(self.path):
            yield self._connection

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Return all rows of a query."""
        with self.reading() as connection:
            return connection.execute(sql, parameters).fetchall()

    def generation(self) -> int:
        """Return the number of the last change. Raises StoreError if it is unreadable."""
        rows = self.rows("SELECT value FROM meta WHERE name = 'generation'")
        with mapped(self.path):
            return int(rows[0][0])

    def rows_in(self, sql: str, values: Sequence[object]) -> list[Row]:
        """Return all rows of a query whose `IN (?)` takes any number of values."""
        found: list[Row] = []
        for begin in range(0, len(values), _BIND_LIMIT):
            part = values[begin : begin + _BIND_LIMIT]
            found += self.rows(sql.replace("(?)", f"({','.join('?' * len(part))})"), part)
        return found

    def close(self) -> None:
        """Close the connections; safe to call twice."""
        with self._lock, self._write_lock, mapped(self.path):
            self._connection.close()
            self._writer.close()


@contextmanager
def mapped(path: Path) -> Iterator[None]:
    """Raise SQLite's errors, and those that corrupt values cause, as StoreError."""
    try:
        yield
    except sqlite3.Error as exc:
        raise StoreError(f"{path}: {exc}") from exc
    except SimileError:
        raise
    except (ValueError, TypeError, AttributeError, LookupError) as exc:
        raise StoreError(
            f"{path} is damaged: {type(exc).__name__}: {exc}. Run `simile check` for details; "
            "restore a backup, or remove the folder and index again"
        ) from exc


def use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Enable it; wait while another process does, since SQLite's busy timeout does not apply."""
    end = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(_POLL_S)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, timeout=BUSY_TIMEOUT_S
    )
    try:
        use_write_ahead_log(connection)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection
