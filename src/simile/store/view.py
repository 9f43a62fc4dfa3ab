"""A view of the SQLite store: a matrix, an inverted index, and access to their rows.

Access lists and metadata are read from SQLite's current state, so a view that is behind leaves out
deleted documents; chunk ids are never reused, so it never shows forbidden ones.
"""

import math
import threading
from collections.abc import Iterable, Sequence
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from simile.errors import InputError
from simile.store.database import Database, mapped
from simile.store.inverted import Hits, Inverted
from simile.store.matrix import Matrix
from simile.store.nearest import nearest
from simile.store.protocol import PUBLIC, Column, Having, Mask
from simile.types import Embeddings, MetadataValue

_FEW = 4000
"""Up to this many admitted rows, their ids go into the query, so that one search is certain to
suffice. Each id costs a term, so larger sets are searched deeper instead. Chosen, not measured."""
_FEWEST = 64
"""Replaces _FEW if `having` narrows the search already: then only very few ids are cheaper."""
_SPARE = 16
"""Hits requested beyond k, to see past ties and dropped rows in one search; a few are cheap."""
_MANY = 0.1
"""Share of admitted rows from which the first search has no clauses."""
_MOST_MASKS = 256
_MOST_COLUMNS = 64
_UNSET = -1


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
        self._columns: dict[str, Column] = {}
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
        """See `protocol.View`; the array is read-only and cached with the view."""
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
            rows = self._database.rows(sql, (principal,))
            documents = np.array([row[0] for row in rows], dtype=np.int64)
            readable = np.isin(self._documents, documents, assume_unique=True)
            mask = readable[self._places] & self._matrix.alive
            if len(self._masks) >= _MOST_MASKS:
                self._masks.clear()
            self._masks[principal] = mask
        return mask

    def metadata(self, name: str) -> Column:
        """See `protocol.View`; the most recently used columns are cached."""
        with self._lock:
            column = self._columns.pop(name, None) or self._column(name)
            self._columns[name] = column
            if len(self._columns) > _MOST_COLUMNS:
                del self._columns[next(iter(self._columns))]
        return column

    def _column(self, name: str) -> Column:
        numbers: list[int] = []
        raw: list[MetadataValue] = []
        if _storable(name):
            sql = "SELECT document * 2 + is_bool, value FROM metadata WHERE name = ?"
            with self._database.snapshot() as connection:
                for number, value in connection.execute(sql, (name,)):
                    numbers.append(number)
                    raw.append(value)
        if not raw:
            return Column((), np.broadcast_to(np.int32(_UNSET), len(self.ids)))
        marked = np.array(numbers, dtype=np.int64)
        with mapped(self._database.path):
            values, codes = _encode(raw, (marked & 1).astype(np.bool_))
        places = np.searchsorted(self._documents, marked >> 1)
        known = np.append(self._documents, 0)[places] == marked >> 1
        by_document = np.full(len(self._documents), _UNSET, np.int32)
        by_document[places[known]] = codes[known]
        by_row = by_document[self._places]
        by_row.flags.writeable = False
        return Column(values, by_row)

    def dense(
        self,
        query: NDArray[np.float32],
        *,
        k: int,
        principals: Iterable[str] = (),
        mask: Mask | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """See `protocol.View`."""
        vector = _query(query, self.vectors.shape[1])
        readable = self.allowed(principals)
        admitted = readable if mask is None else readable & mask
        return nearest(vector, self.vectors, self._matrix.codes, admitted, k=k)

    def lexical(
        self,
        query: str,
        *,
        k: int,
        principals: Iterable[str] = (),
        mask: Mask | None = None,
        having: Having = (),
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """See `protocol.View`; requests ever more hits until the k best admitted are certain.

        If many rows are admitted, the first search has no clauses: they make Tantivy four times
        slower, while dropping rows afterwards costs nothing.
        """
        wanted = _principals(principals)
        readable = self.allowed(wanted)
        admitted = readable if mask is None else readable & mask
        count = int(np.count_nonzero(admitted))
        parsed = self._inverted.parse(query) if count and k > 0 else None
        if parsed is None:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        share = count / len(self.ids)
        if share >= _MANY:
            limit = math.ceil((k + _SPARE) / share)
            found = self._certain(self._inverted.search(parsed, limit), limit, k, admitted)
            if found is not None:
                return found
        who = sorted(wanted)
        if mask is not None and count <= (_FEWEST if having else _FEW):
            ids = self.ids[admitted].tolist()
            return self._best(self._inverted.search(parsed, count, principals=who, ids=ids), k)
        share = 1.0 if having else count / max(1, int(np.count_nonzero(readable)))
        limit = math.ceil((k + _SPARE) / share)
        while True:
            hits = self._inverted.search(parsed, limit, principals=who, having=having)
            found = self._certain(hits, limit, k, admitted)
            if found is not None:
                return found
            limit *= 4

    def _certain(
        self, hits: Hits, limit: int, k: int, admitted: Mask
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]] | None:
        """Return the k best admitted rows; None if further hits could be among them."""
        rows, scores = self._best(hits, len(hits), admitted)
        certain = len(rows) > k and scores[k - 1] > hits[-1][0]
        return (rows[:k], scores[:k]) if certain or len(hits) < limit else None

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


def _encode(
    raw: Sequence[MetadataValue], are_bools: NDArray[np.bool_]
) -> tuple[Sequence[str | int | float | bool], NDArray[np.int32]]:
    """Return the distinct values in `value_order`, and the index of each raw value among them."""
    any_bools = bool(are_bools.any())
    if not any_bools and set(map(type, raw)) in ({int}, {float}):  # four times as fast as below
        unique, inverse = np.unique(np.array(raw), return_inverse=True)
        return unique.tolist(), inverse.astype(np.int32)
    distinct = set(compress(raw, ~are_bools)) if any_bools else set(raw)
    texts = sorted([value for value in distinct if isinstance(value, str)])
    others = distinct.difference(texts)
    numbers = sorted([value for value in others if isinstance(value, int | float)])
    values = [*([False, True] if any_bools else []), *numbers, *texts]
    places: dict[MetadataValue, int] = {None: _UNSET, 0: 0, 1: 1}
    places.update(zip([*numbers, *texts], range(2 * any_bools, len(values)), strict=True))
    codes = np.fromiter(map(places.__getitem__, raw), np.int32, len(raw))
    codes[are_bools] = np.fromiter(compress(raw, are_bools), np.int32)
    return values, codes


def _query(query: NDArray[np.float32], dim: int) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        vector = np.ascontiguousarray(query, dtype=np.float32)
    if vector.ndim != 1 or (dim and len(vector) != dim):
        wanted = f"({dim or 'dim'},)"
        raise InputError(f"the query vector has shape {vector.shape}; expected {wanted}")
    if not np.isfinite(vector).all():
        raise InputError("the query vector contains NaN or Inf; expected finite numbers")
    return vector


def _principals(principals: Iterable[str]) -> frozenset[str]:
    return frozenset(filter(_storable, principals)) | {PUBLIC}


def _storable(text: str) -> bool:
    """Return whether SQLite and Tantivy accept the text; no stored name is invalid Unicode."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
