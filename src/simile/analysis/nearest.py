"""Find most near pairs of unit vectors with FAISS, where comparing all pairs takes too long.

Finds each vector's nearest in an inverted file (Jégou, Douze, Schmid 2011, section IV). Also
compares a sample of rows with all others, to measure recall.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from simile.analysis.pairs import Pairs
from simile.extras import optional
from simile.types import Embeddings

_NEIGHBORS = 32
_PROBES = 24
_PER_LIST = 64
"""Training vectors per list."""
_BLOCK = 4096
_SAMPLED = 200
_SEED = 20_11


def approximate_pairs(
    unit: Embeddings, floor: float, *, progress: Callable[[float], None] = lambda share: None
) -> tuple[Iterator[Pairs], Pairs]:
    """Return near pairs of unit rows (n, dim) and their nearest, and all those of sampled rows."""
    faiss = optional("faiss", extra="faiss")
    chance = np.random.default_rng(_SEED)
    lists = max(1, min(4096, int(4 * np.sqrt(len(unit))), len(unit) // 39))
    train = unit[np.sort(chance.permutation(len(unit))[: lists * _PER_LIST])]
    quantizer = faiss.IndexFlatIP(unit.shape[1])
    index = faiss.IndexIVFFlat(quantizer, unit.shape[1], lists, faiss.METRIC_INNER_PRODUCT)
    index.cp.seed = _SEED
    index.train(train)
    index.add(unit)
    index.nprobe = _PROBES
    rows = np.sort(chance.permutation(len(unit))[:_SAMPLED])
    return _search(index, unit, floor, progress), _sampled(unit, rows, floor)


def _search(
    index: object, unit: Embeddings, floor: float, progress: Callable[[float], None]
) -> Iterator[Pairs]:
    search: Callable[..., tuple[NDArray[np.float32], NDArray[np.int64]]] = index.search  # type: ignore[attr-defined]
    for start in range(0, len(unit), _BLOCK):
        block = unit[start : start + _BLOCK]
        _, found = search(block, min(_NEIGHBORS + 1, len(unit)))
        first = np.repeat(np.arange(start, start + len(block)), found.shape[1])
        second = found.reshape(-1)
        there = (second >= 0) & (first != second)
        yield _pairs(unit, first[there], second[there], floor)
        progress(min(1.0, (start + _BLOCK) / len(unit)))


def _sampled(unit: Embeddings, rows: NDArray[np.int64], floor: float) -> Pairs:
    near = unit[rows] @ unit.T >= floor - 1e-5
    place, second = np.nonzero(near)
    first = rows[place]
    return _pairs(unit, first[first != second], second[first != second], floor)


def _pairs(
    unit: Embeddings, first: NDArray[np.int64], second: NDArray[np.int64], floor: float
) -> Pairs:
    """Compute cosines in float64; drop pairs below the floor."""
    cosine = np.empty(len(first))
    for start in range(0, len(first), _BLOCK):
        part = slice(start, start + _BLOCK)
        ones, others = unit[first[part]].astype(np.float64), unit[second[part]].astype(np.float64)
        lengths = np.linalg.norm(ones, axis=1) * np.linalg.norm(others, axis=1)
        products = np.einsum("ij,ij->i", ones, others)
        cosine[part] = products / np.where(lengths > 0, lengths, 1.0)
    keep = cosine >= floor
    low, high = np.minimum(first, second)[keep], np.maximum(first, second)[keep]
    return Pairs(low.astype(np.int32), high.astype(np.int32), np.minimum(cosine[keep], 1.0))
