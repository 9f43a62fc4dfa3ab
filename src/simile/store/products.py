"""Inner products of a query with the admitted rows of a matrix, block by block, on several threads.

SimSIMD's kernel computes each row by itself, so unlike in BLAS a row's product does not depend on
its neighbors: equal rows get equal products. Knows int8 and float arrays, not what they mean.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
_GROUP = 32


@dataclass(frozen=True)
class Blocks:
    """How a matrix is traversed; each threshold is where another method becomes faster."""

    rows: int = 32768
    """Rows per block; its products stay in the cache."""
    gather: float = 0.12
    """Largest share of admitted rows for which a block's are first copied together."""
    threaded: int = 500_000
    """Number of rows from which several threads are used."""
    threads: int = min(4, os.cpu_count() or 1)

    def spread(self, work: Callable[[int, int], T], rows: int) -> list[T]:
        """Return what `work(begin, end)` returns for each thread's share of the rows, in order."""
        if rows < self.threaded or self.threads < 2:
            return [work(0, rows)]
        cuts = [rows * part // self.threads for part in range(self.threads + 1)]
        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(work, cuts[:-1], cuts[1:]))


@dataclass(frozen=True)
class RowBlock:
    """Products of some rows of a matrix."""

    begin: int
    """First row of the block; `chosen` counts from there."""
    end: int
    chosen: NDArray[np.int64] | slice
    """The rows that the scores belong to."""
    scores: NDArray[Any]
    hidden: NDArray[np.bool_] | None = None
    """Marks the scores of rows that are not admitted; None if there are none."""

    def rows(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows of the matrix at these positions in `scores`."""
        return self.begin + (places if isinstance(self.chosen, slice) else self.chosen[places])


def products(query: NDArray[Any], matrix: NDArray[Any]) -> NDArray[Any]:
    """Multiply query (dim,) with each row of matrix (rows, dim), both contiguous, of one dtype.

    Returns float64 for float64, float32 for float32 and int8; integers are exact below 2^24.
    """
    import simsimd

    if not len(matrix):
        return np.empty(0, np.float32)
    name: Literal["float32", "float64"] = "float64" if matrix.dtype == np.float64 else "float32"
    # With `out=`, SimSIMD 6.5 returns None without counting the reference; Python 3.11 crashes.
    out: NDArray[Any] = np.asarray(simsimd.cdist(query[None], matrix, "dot", out_dtype=name))
    return out.reshape(-1)


def block_products(
    query: NDArray[Any],
    matrix: NDArray[Any],
    admitted: NDArray[np.bool_],
    span: tuple[int, int],
    *,
    blocks: Blocks,
) -> Iterator[RowBlock]:
    """Yield the products of the admitted rows in a span of the matrix; skip blocks without any.

    Blocks are converted to the query's dtype.
    """
    most = int(blocks.gather * blocks.rows)
    copy = np.empty((most, matrix.shape[1]), matrix.dtype)
    for begin in range(*span, blocks.rows):
        end = min(begin + blocks.rows, span[1])
        count = np.count_nonzero(admitted[begin:end])
        part, hidden = matrix[begin:end], None
        chosen: NDArray[np.int64] | slice = slice(None)
        if not count:
            continue
        if count <= most:
            chosen = some = np.flatnonzero(admitted[begin:end])
            part = np.take(part, some, axis=0, out=copy[:count], mode="clip")
        elif count < end - begin:
            hidden = ~admitted[begin:end]
        yield RowBlock(
            begin, end, chosen, products(query, part.astype(query.dtype, copy=False)), hidden
        )


def best(
    rows: NDArray[np.int64], scores: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the k rows with the greatest scores, best first, ties by row; 1 <= k <= len(rows)."""
    if k < len(rows):
        reach = np.flatnonzero(scores >= np.partition(scores, len(rows) - k)[len(rows) - k])
        rows, scores = rows[reach], scores[reach]
    order = np.lexsort((rows, -scores))[:k]
    return rows[order], scores[order]


def low_kth(values: NDArray[np.float32], k: int, *, group: int = _GROUP) -> np.float32:
    """Return the k-th greatest value, or a lower one that is faster to find: of group maxima."""
    groups = len(values) // group
    if groups >= 2 * k:
        values = values[: groups * group].reshape(group, groups).max(axis=0)
    return np.partition(values, -k)[-k] if len(values) >= k else np.float32(-np.inf)
