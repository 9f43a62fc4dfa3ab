"""A view of the SQLite store: one matrix, one inverted index, and what may be read of them.

Access and metadata come from SQLite at its newest, so a view that lags behind the truth leaves
out what is gone; chunk ids are never reused, so it never shows what it should not.
"""

import math
import threading
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from simile.store.database import Database
from simile.store.inverted import Hits, Inverted
from simile.store.protocol import PUBLIC, Having, Mask
from simile.store.vectors import Matrix
from simile.types import Embeddings

_FEW = 4000
_FEWEST = 64
_SPARE = 16
_MOST_MASKS = 256


class SqliteView:
    """See `protocol.View`."""

    def __init__(
        self, generation: int, matrix: Matrix, inverted: Inverted, database: Database
    ) -> None:
        self.generation = generation
        self._matrix = matrix
        self._inverted = inverted
        self._database = database
        self._masks: dict[str, Mask] = {}
        self._unions: dict[frozenset[str], Mask] = {}
        self._columns: dict[str, NDArray[np.object_]] = {}
        self._lock = threading.Lock()
        self._documents, self._places = np.unique(matrix.document_rows, return_inverse=True)

    @property
    def ids(self) -> NDArray[np.int64]:
        """See `protocol.View`."""
        return self._matrix.ids

    @property
    def document_rows(self) -> NDArray[np.int64]:
        """See `protocol.View`."""
        return self._matrix.document_rows

    @property
    def vectors(self) -> Embeddings:
        """See `protocol.View`."""
        return self._matrix.vectors

    def allowed(self, principals: Iterable[str] = ()) -> Mask:
        """Read-only array, kept for as long as the view; see `protocol.View`."""
        wanted = _principals(principals)
        with self._lock:
            union = self._unions.get(wanted)
            if union is None:
                union = np.zeros(len(self.ids), np.bool_)
                for principal in wanted:
                    union |= self._mask(principal)
                union.flags.writeable = False
                if len(self._unions) >= _MOST_MASKS:
                    self._unions.clear()
                self._unions[wanted] = union
        return union

    def _mask(self, principal: str) -> Mask:
        mask = self._masks.get(principal)
        if mask is None:
            sql = "SELECT document FROM acl WHERE principal = ?"
            rows = self._database.rows(sql, (_text(principal),))
            documents = np.array([row[0] for row in rows], dtype=np.int64)
            readable = np.isin(self._documents, documents, assume_unique=True)
            mask = readable[self._places] & self._matrix.alive
            if len(self._masks) >= _MOST_MASKS:
                self._masks.clear()
            self._masks[principal] = mask
        return mask

    def metadata(self, name: str) -> NDArray[np.object_]:
        """Kept for as long as the view; see `protocol.View`."""
        with self._lock:
            column = self._columns.get(name)
            if column is None:
                sql = "SELECT document, value, is_bool FROM metadata WHERE name = ?"
                values = np.full(len(self._documents), None, dtype=object)
                rows = self._database.rows(sql, (_text(name),))
                found = {row[0]: bool(row[1]) if row[2] else row[1] for row in rows}
                for place, document in enumerate(self._documents.tolist()):
                    values[place] = found.get(document)
                column = values[self._places] if len(values) else values
                column.flags.writeable = False
                self._columns[name] = column
        return column

    def lexical(
        self,
        query: str,
        *,
        k: int,
        principals: Iterable[str] = (),
        mask: Mask | None = None,
        having: Having = (),
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Asks for more than k until the k best that the mask admits are certain."""
        wanted = _principals(principals)
        readable = self.allowed(wanted)
        admitted = readable if mask is None else readable & mask
        count = int(np.count_nonzero(admitted))
        parsed = self._inverted.parse(query) if count and k > 0 else None
        if parsed is None:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        who = sorted(wanted)
        if mask is not None and count <= (_FEWEST if having else _FEW):
            ids = self.ids[admitted].tolist()
            return self._best(self._inverted.search(parsed, count, principals=who, ids=ids), k)
        share = 1.0 if having else count / max(1, int(np.count_nonzero(readable)))
        limit = math.ceil((k + _SPARE) / share)
        while True:
            hits = self._inverted.search(parsed, limit, principals=who, having=having)
            rows, scores = self._best(hits, len(hits), admitted)
            certain = len(rows) > k and scores[k - 1] > hits[-1][0]
            if certain or len(hits) < limit:
                return rows[:k], scores[:k]
            limit *= 4

    def _best(
        self, hits: Hits, k: int, admitted: Mask | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        ids = np.array([id for _, id in hits], dtype=np.int64)
        scores = np.array([score for score, _ in hits], dtype=np.float32)
        rows = np.searchsorted(self.ids, ids)
        known = rows < len(self.ids)
        known[known] = self.ids[rows[known]] == ids[known]
        if admitted is not None:
            known[known] = admitted[rows[known]]
        rows, scores = rows[known], scores[known]
        order = np.lexsort((rows, -scores))[:k]
        return rows[order], scores[order]


def _principals(principals: Iterable[str]) -> frozenset[str]:
    return frozenset(_text(principal) for principal in principals) | {PUBLIC}


def _text(value: str) -> str:
    """What SQLite and Tantivy can be asked for; nothing stored matches a replaced character."""
    return value.encode("utf-8", "replace").decode()
