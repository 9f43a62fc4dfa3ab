"""Find all pairs of unit vectors whose cosine reaches a floor: exactly, in bounded memory.

A bound in few dimensions rules out most pairs. After a rotation that concentrates length in the
first dimensions, x·y = head(x)·head(y) + tail(x)·tail(y), and by Cauchy-Schwarz the second term is
at most |tail(x)| |tail(y)|: one matrix product, with the tail's length as an extra column, bounds
every cosine. Only the remaining pairs are computed in full. Knows arrays; not texts or groups.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simile.analysis.blas import one_blas_thread
from simile.types import Embeddings

_ROWS, _COLUMNS = 512, 1024
"""Size of a block, whose products fit in the cache of one core."""
_BLOCKS = 4
"""Blocks per task, whose pairs are in memory at once."""
_GATHERED = 1024
_ROUNDING = 2e-6
"""Upper bound of the error of float32 products of unit vectors."""
_DENSE = 0.02
"""Share of remaining pairs above which computing the whole block is cheaper."""
_PAIR_COST = 50
"""Cost of a single pair's product, relative to one in a matrix product, both of all dimensions."""
_SAMPLE = 1024
_WIDTHS = (16, 24, 32, 40, 48, 56, 64, 80, 96, 128, 160, 192, 256, 384, 512)


@dataclass(frozen=True)
class Pairs:
    """Pairs of rows; `first[i] < second[i]`."""

    first: NDArray[np.int32]
    second: NDArray[np.int32]
    cosine: NDArray[np.float64]


Wanted = Callable[[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]], NDArray[np.bool_]]
"""Masks the pairs that are still useful, given upper bounds of their cosines."""


def near_pairs(
    unit: Embeddings,
    floor: float,
    *,
    wanted: Wanted | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Iterator[Pairs]:
    """Yield all pairs of unit rows (n, dim) with a cosine of at least `floor`, in parts.

    Cosines of the float32 rows are computed in float64. Order and parts are deterministic. Blocks;
    compares n * n / 2 pairs on all cores.
    """
    if len(unit) < 2:
        return
    tasks = _tasks(len(unit))
    total, done = sum(_pairs_in(task) for task in tasks), 0
    threads, limit = _threads()
    with limit, ThreadPoolExecutor(threads) as pool:
        search = _Search(unit, floor, wanted)
        running: deque[tuple[_Task, Future[Pairs]]] = deque()
        for task in tasks:
            running.append((task, pool.submit(search.near, task)))
            if len(running) <= 2 * threads:
                continue
            oldest, found = running.popleft()
            yield found.result()
            done += _pairs_in(oldest)
            progress(done / total)
        while running:
            yield running.popleft()[1].result()
    progress(1.0)


_Task = tuple[int, int, int]
"""Start of the rows, start and end of the columns."""


def _tasks(count: int) -> list[_Task]:
    step = _COLUMNS * _BLOCKS
    return [
        (row, column, min(column + step, count))
        for row in range(0, count, _ROWS)
        for column in range(row, count, step)
    ]


def _pairs_in(task: _Task) -> int:
    return _ROWS * (task[2] - task[1])


def _threads() -> tuple[int, AbstractContextManager[object]]:
    """Return the number of threads and a limit for BLAS's; 1 if BLAS cannot be limited."""
    limit = one_blas_thread()
    if limit is None:
        return 1, nullcontext()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return cores or 1, limit


class _Search:
    """Search for the near pairs of a task; thread-safe."""

    def __init__(self, unit: Embeddings, floor: float, wanted: Wanted | None) -> None:
        self.unit = unit
        self.floor = floor
        self.wanted = wanted
        self.buffers = threading.local()
        self.lengths = np.sqrt(np.einsum("ij,ij->i", unit, unit, dtype=np.float64))
        self.lengths[self.lengths == 0] = 1.0
        self.bounds = _bounds(unit, floor - _ROUNDING)

    def near(self, task: _Task) -> Pairs:
        row, begin, end = task
        found = [
            self._block(row, at, min(at + _COLUMNS, end)) for at in range(begin, end, _COLUMNS)
        ]
        return Pairs(
            np.concatenate([pairs.first for pairs in found]),
            np.concatenate([pairs.second for pairs in found]),
            np.concatenate([pairs.cosine for pairs in found]),
        )

    def _block(self, row: int, column: int, end: int) -> Pairs:
        rows, columns = slice(row, row + _ROWS), slice(column, end)
        reached = self._reached(self.bounds[rows], self.bounds[columns])
        if np.count_nonzero(reached) > _DENSE * reached.size:
            products = self.unit[rows] @ self.unit[columns].T
            first, second = _places(products >= self.floor - _ROUNDING)
            near = products[first, second]
        else:
            first, second = _places(reached)
            near = self._products(first + row, second + column)
        return self._exact((first + row).astype(np.int32), (second + column).astype(np.int32), near)

    def _reached(self, ones: Embeddings, others: Embeddings) -> NDArray[np.bool_]:
        if not hasattr(self.buffers, "products"):  # Allocating costs as much as the products.
            self.buffers.products = np.empty(_ROWS * _COLUMNS, np.float32)
            self.buffers.reached = np.empty(_ROWS * _COLUMNS, np.bool_)
        shape = len(ones), len(others)
        size = len(ones) * len(others)
        products = self.buffers.products[:size].reshape(shape)
        reached: NDArray[np.bool_] = self.buffers.reached[:size].reshape(shape)
        np.matmul(ones, others.T, out=products)
        np.greater_equal(products, self.floor - _ROUNDING, out=reached)
        return reached

    def _exact(
        self, first: NDArray[np.int32], second: NDArray[np.int32], near: NDArray[np.float32]
    ) -> Pairs:
        keep = (near >= self.floor - _ROUNDING) & (first < second)
        first, second, near = first[keep], second[keep], near[keep]
        if self.wanted is not None and len(first):
            keep = self.wanted(first, second, near + np.float32(_ROUNDING))
            first, second = first[keep], second[keep]
        cosine = self._products(first, second, np.float64)
        cosine /= self.lengths[first] * self.lengths[second]
        keep = cosine >= self.floor
        return Pairs(first[keep], second[keep], np.minimum(cosine[keep], 1.0))

    def _products(
        self, first: NDArray[np.integer], second: NDArray[np.integer], dtype: type = np.float32
    ) -> NDArray[np.floating]:
        products: NDArray[np.floating] = np.empty(len(first), dtype)
        for start in range(0, len(first), _GATHERED):
            part = slice(start, start + _GATHERED)
            ones, others = self.unit[first[part]], self.unit[second[part]]
            np.einsum("ij,ij->i", ones, others, dtype=dtype, out=products[part])
        return products


def _places(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Do what np.nonzero does, ten times as fast if few are set."""
    return np.divmod(np.flatnonzero(mask), mask.shape[1])


def _bounds(unit: Embeddings, floor: float) -> Embeddings:
    """Return rows (n, width + 1) whose products bound the cosines from above, at least cost."""
    dim = unit.shape[1]
    sample = unit[np.linspace(0, len(unit) - 1, min(len(unit), 8 * _SAMPLE)).astype(np.int64)]
    moment = sample.T.astype(np.float64) @ sample
    axes = np.linalg.eigh(moment)[1][:, ::-1].astype(np.float32)
    turned = (sample @ axes).astype(np.float32)
    ones, others = turned[:: max(1, len(turned) // _SAMPLE)], turned
    width = min(
        [width for width in _WIDTHS if width < dim] + [dim],
        key=lambda width: _cost(ones, others, width, floor),
    )
    return np.concatenate(
        [_cut(unit[start : start + 8192] @ axes, width) for start in range(0, len(unit), 8192)]
    )


def _cut(turned: Embeddings, width: int) -> Embeddings:
    tails = np.linalg.norm(turned[:, width:].astype(np.float64), axis=1)
    return np.column_stack([turned[:, :width], tails.astype(np.float32)])


def _cost(ones: Embeddings, others: Embeddings, width: int, floor: float) -> float:
    reached = np.mean(_cut(ones, width) @ _cut(others, width).T >= floor)
    return float(width + _PAIR_COST * ones.shape[1] * reached)
