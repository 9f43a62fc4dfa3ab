"""Find every row's nearest rows by cosine: exactly for few rows, within cells for many.

Cells are k-means clusters; the rows of one are compared with those of the nearest cells (an
inverted file: Jégou, Douze & Schmid 2011, section 4), so a row at a border may miss some.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from simile.extras import optional
from simile.types import Embeddings

Rows = NDArray[np.int32]

EXACT_ROWS = 20_000
_BLOCK = 1_024
_CELL_ROWS = 256
_PROBES = 12
_STEPS = 3
_GROUP = 32


def nearest_rows(
    unit: Embeddings,
    k: int,
    *,
    seed: int = 0,
    exact_rows: int = EXACT_ROWS,
    progress: Callable[[float], None] = lambda share: None,
) -> tuple[Rows, Embeddings]:
    """Return the k rows nearest to each row, without itself, and their cosines, unordered.

    `unit` is float32 (n, dim) with rows of length 1, k < n; returns int32 and float32, both (n, k).
    Exact up to `exact_rows`. Blocks until done.
    """
    count = len(unit)
    found, scores = np.empty((count, k), np.int32), np.empty((count, k), np.float32)
    everything = np.arange(count, dtype=np.int32)
    cells = iter([(everything, everything)]) if count <= exact_rows else _cells(unit, k, seed)
    done = 0
    for some, candidates in cells:
        for start in range(0, len(some), _BLOCK):
            part = some[start : start + _BLOCK]
            found[part], scores[part] = _best(unit, part, candidates, k)
            done += len(part)
            progress(done / count)
    return found, scores


def averaged(unit: Embeddings, neighbors: Rows, rounds: int) -> Embeddings:
    """Replace each row by the normalized mean of it and its neighbors, `rounds` times.

    Moves rows toward denser regions, as mean shift does (Fukunaga & Hostetler 1975), but with fixed
    neighbors. Returns a new float32 (n, dim).
    """
    count, k = neighbors.shape
    ends = np.arange(0, count * k + 1, k)
    weights = np.ones(count * k, np.float32)
    graph = optional("scipy.sparse", extra="analysis").csr_matrix(
        (weights, neighbors.ravel(), ends), (count, count)
    )
    rows = unit
    for _ in range(rounds):
        rows = rows + graph @ rows
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return rows


def _best(unit: Embeddings, some: Rows, candidates: Rows, k: int) -> tuple[Rows, Embeddings]:
    """Return the k best candidates for some rows; candidates ascend and include the rows."""
    products = unit[some] @ unit[candidates].T
    products[np.arange(len(some)), np.searchsorted(candidates, some)] = -np.inf
    groups = len(candidates) // _GROUP
    if groups <= 2 * k:
        best = np.argpartition(products, -k, axis=1)[:, -k:]
        return candidates[best], np.take_along_axis(products, best, axis=1)
    # The k-th largest group maximum is a lower bound of the k-th largest; few products reach it.
    cut = products[:, : groups * _GROUP].reshape(len(some), _GROUP, groups).max(axis=1)
    floor = np.partition(cut, groups - k, axis=1)[:, groups - k]
    row, column = np.divmod(np.flatnonzero(products >= floor[:, None]), len(candidates))
    order = np.lexsort((-products[row, column], row))
    starts = np.searchsorted(row, np.arange(len(some)))  # `row` ascends, before and after
    chosen = column[order[(starts[:, None] + np.arange(k)[None, :])]]
    return candidates[chosen], np.take_along_axis(products, chosen, axis=1)


def _cells(unit: Embeddings, k: int, seed: int) -> Iterator[tuple[Rows, Rows]]:
    """Yield the rows of each cell, and the rows of the cells nearest to it, more than k."""
    cells, centers = _cell_of_rows(unit, seed)
    order = np.argsort(cells, kind="stable").astype(np.int32)
    members = np.split(order, np.cumsum(np.bincount(cells, minlength=len(centers)))[:-1])
    squares = (centers**2).sum(axis=1)
    near = np.argsort(squares[None, :] - 2 * centers @ centers.T, axis=1, kind="stable")
    sizes = np.array([len(rows) for rows in members])
    for cell in np.flatnonzero(sizes):
        enough = int(np.searchsorted(np.cumsum(sizes[near[cell]]), k, side="right")) + 1
        chosen = {int(cell), *near[cell, : max(_PROBES, enough)].tolist()}
        yield members[cell], np.sort(np.concatenate([members[one] for one in sorted(chosen)]))


def _cell_of_rows(unit: Embeddings, seed: int) -> tuple[NDArray[np.int64], Embeddings]:
    """Run a few steps of Lloyd's algorithm from random rows, which is enough for cells."""
    chance = np.random.default_rng(seed)
    centers = unit[chance.choice(len(unit), len(unit) // _CELL_ROWS, replace=False)]
    for step in range(_STEPS):
        half = (centers**2).sum(axis=1) / 2
        parts = [
            (unit[start : start + _BLOCK] @ centers.T - half).argmax(axis=1)
            for start in range(0, len(unit), _BLOCK)
        ]
        cells = np.concatenate(parts)
        if step < _STEPS - 1:
            order = np.argsort(cells, kind="stable")
            full, starts = np.unique(cells[order], return_index=True)
            sums = np.add.reduceat(unit[order], starts, axis=0)
            centers[full] = sums / np.diff(np.append(starts, len(unit)))[:, None]
    return cells, centers
