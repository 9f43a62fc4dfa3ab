"""Compute the right answers by brute force, to check the fast ones."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from benchmarks.lib.collection import Collection
from numpy.typing import NDArray

K = 10
ROUNDING = 1e-5
"""Scores closer than this may be in either order, because float32 is compared with float64."""
_BLOCK = 50_000


@dataclass
class Truth:
    """Nearest chunks by float64 products, cached."""

    collection: Collection
    _known: dict[tuple[int, bool, bool], tuple[NDArray[np.int64], float]] = field(
        default_factory=dict
    )

    def nearest(self, query: int, *, acl: bool, filter: bool) -> tuple[NDArray[np.int64], float]:
        """Return the K best chunks, best first, and the last one's score."""
        key = (query, acl, filter)
        if key not in self._known:
            rows = np.flatnonzero(self.collection.allowed(acl=acl, filter=filter))
            scores = self.scores(query, rows)
            order = np.lexsort((rows, -scores))[:K]
            self._known[key] = (rows[order], float(scores[order[-1]]))
        return self._known[key]

    def scores(self, query: int, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the inner products of a query with these rows."""
        vector = self.collection.query_vectors[query].astype(np.float64)
        parts = [
            self.collection.vectors[rows[begin : begin + _BLOCK]].astype(np.float64) @ vector
            for begin in range(0, len(rows), _BLOCK)
        ]
        return np.concatenate(parts)

    def agrees(self, query: int, found: Sequence[int], *, acl: bool, filter: bool) -> bool:
        """Return whether these are K distinct admitted chunks, as near as the true ones."""
        wanted, last = self.nearest(query, acl=acl, filter=filter)
        if list(found) == wanted.tolist():
            return True
        rows = np.array(found, np.int64)
        if len(set(found)) != len(wanted) or not self._admitted(rows, acl=acl, filter=filter):
            return False
        scores = self.scores(query, rows)
        in_order = bool((np.diff(scores) <= ROUNDING).all())
        return in_order and bool(scores.min() >= last - ROUNDING)

    def _admitted(self, rows: NDArray[np.int64], *, acl: bool, filter: bool) -> bool:
        return bool(self.collection.allowed(acl=acl, filter=filter)[rows].all())
