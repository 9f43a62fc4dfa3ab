"""Reduce weighted pairs to a maximum spanning forest, which gives groups at any threshold.

Single linkage: two rows share a group if a chain of pairs that reach the threshold connects them. A
maximum spanning forest has the same groups at every threshold (Gower & Ross 1969), with at most
n - 1 edges. Uses Borůvka's algorithm, vectorized.
"""

import numpy as np
from numpy.typing import NDArray

from simile.analysis.pairs import Pairs

_FULL = 2_000_000
"""Number of pairs to collect before reducing them to a forest."""
_LEVELS = 9

NO_PAIRS = Pairs(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0))


class Forest:
    """The maximum spanning forest of pairs added in any order; bounded memory."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._edges = NO_PAIRS
        self._waiting: list[Pairs] = []
        self._size = 0
        self._joined: tuple[NDArray[np.float64], NDArray[np.int32]] | None = None

    def add(self, pairs: Pairs) -> None:
        """Add pairs."""
        self._waiting.append(pairs)
        self._size += len(pairs.first)
        if self._size > _FULL:
            self._thin()
            levels = np.quantile(self._edges.cosine, np.linspace(0, 1, _LEVELS))
            labels = [components(self.count, self._edges, level) for level in levels]
            self._joined = levels, np.stack(labels)

    def wanted(
        self, first: NDArray[np.int32], second: NDArray[np.int32], at_most: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        """Mask the pairs that may still change the forest: nearer pairs do not connect them yet."""
        if self._joined is None:
            return np.ones(len(first), np.bool_)
        levels, labels = self._joined
        wanted: NDArray[np.bool_] = (at_most > levels[0]) | (labels[0, first] != labels[0, second])
        left = np.flatnonzero(wanted)  # Few if there are many pairs.
        level = np.searchsorted(levels, at_most[left])
        known = level < len(levels)
        level = np.minimum(level, len(levels) - 1)
        wanted[left] = ~known | (labels[level, first[left]] != labels[level, second[left]])
        return wanted

    def edges(self) -> Pairs:
        """Return the edges of the forest, nearest first."""
        self._thin()
        return self._edges

    def _thin(self) -> None:
        parts = [self._edges, *self._waiting]
        first = np.concatenate([pairs.first for pairs in parts])
        second = np.concatenate([pairs.second for pairs in parts])
        cosine = np.concatenate([pairs.cosine for pairs in parts])
        order = np.lexsort((second, first, -cosine))
        first, second = first[order], second[order]
        kept, _ = _spanning(self.count, first, second)
        self._edges = Pairs(first[kept], second[kept], cosine[order][kept])
        self._waiting, self._size = [], 0


def components(count: int, pairs: Pairs, threshold: float) -> NDArray[np.int32]:
    """Return each row's group, int32 (count,), connected by pairs that reach the threshold."""
    near = pairs.cosine >= threshold
    return _spanning(count, pairs.first[near], pairs.second[near])[1]


def _spanning(
    count: int, first: NDArray[np.int32], second: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return which edges, given best first, span the forest, and each row's component."""
    component = np.arange(count, dtype=np.int32)
    left = np.arange(len(first))
    kept = np.zeros(len(first), np.bool_)
    while True:
        ones, others = component[first[left]], component[second[left]]
        apart = ones != others
        left, ones, others = left[apart], ones[apart], others[apart]
        if not len(left):
            return np.flatnonzero(kept), component
        # The best edge of each component: the last of several assignments to one index wins.
        best = np.full(count, len(left))
        ends = np.column_stack([ones, others]).reshape(-1)
        best[ends[::-1]] = np.arange(len(ends))[::-1] // 2
        there = np.flatnonzero(best < len(left))
        edge = best[there]
        kept[left[edge]] = True
        parent = np.arange(count, dtype=np.int32)
        parent[there] = np.where(ones[edge] == there, others[edge], ones[edge])
        # Two components that chose the same edge point at each other: make the lower one the root.
        mutual = (parent[parent] == np.arange(count)) & (np.arange(count) < parent)
        parent[mutual] = np.flatnonzero(mutual)
        while True:
            above = parent[parent]
            if np.array_equal(above, parent):
                break
            parent = above
        component = parent[component]
