"""A view of the SQLite store: a matrix, an inverted index, and access to their rows.

Access lists and metadata are read from SQLite's current state, so a view that is behind leaves out
deleted documents; chunk ids are never reused, so it never shows forbidden ones.
"""

import threading
from collections.abc import Iterable, Sequence
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from simile.errors import InputError
from simile.store.bm25 import Audience, lengths_of, part_of, rank
from simile.store.database import Database, mapped
from simile.store.inverted import Inverted
from simile.store.matrix import Matrix
from simile.store.nearest import nearest
from simile.store.protocol import PUBLIC, Column, Mask
from simile.types import Embeddings, MetadataValue

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
        self._audiences: dict[frozenset[str], Audience] = {}
        self._columns: dict[str, Column] = {}
        self._lock = threading.Lock()
        self._parts = [part_of(segment, matrix.ids) for segment in inverted.segments]
        self._lengths = lengths_of(self._parts, len(matrix.ids))
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
        return self._audience(_principals(principals)).mask

    def _audience(self, wanted: frozenset[str]) -> Audience:
        with self._lock:
            audience = self._audiences.get(wanted)
            if audience is None:
                union = np.zeros(len(self.ids), np.bool_)
                for principal in wanted:
                    union |= self._mask(principal)
                union.flags.writeable = False
                words = int(np.add.reduce(self._lengths, where=union, dtype=np.int64))
                audience = Audience(union, int(np.count_nonzero(union)), words)
                if len(self._audiences) >= _MOST_MASKS:
                    self._audiences.clear()
                self._audiences[wanted] = audience
        return audience

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
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """See `protocol.View`."""
        audience = self._audience(_principals(principals))
        admitted = audience.mask if mask is None else audience.mask & mask
        terms = self._inverted.parse(query)
        with mapped(self._database.path):
            return rank(self._parts, self._lengths, terms, audience, admitted, k=k)


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
