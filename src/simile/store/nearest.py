"""Find the k rows with the greatest inner product: exact, with most rows read as int8 only.

Query and rows are x = s*c + r (`codes`), the query q = s'*c' + r'. By Cauchy-Schwarz

    |q.x - s's(c'.c)| = |r'.sc + q.r| <= |r'|*|sc| + |q|*|r|

so a scan of the codes bounds every score. Products in float32 and the steps of the scan round by
less than g*|q|*|x| with g = (dim + 32) * 2^-23 (Higham 2002, section 3.1), plus the underflow
below 2^-126; both are added. Rows that cannot be among the best are dropped, the others are
multiplied in float32. Knows arrays, not access rules or files.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simile.store.codes import Codes, encode
from simile.store.products import Blocks, best, block_products, low_kth, products
from simile.types import Embeddings

_TINY = float(np.finfo(np.float32).tiny)
_HUGE = float(np.finfo(np.float32).max)
_LEAST = np.float32(-_HUGE)
_WIDE_ROWS = 1024
_USUAL = (1e-9, 1e9)


@dataclass(frozen=True)
class NearestLimits:
    """Thresholds at which one method becomes faster than another; the result is the same."""

    few: int = 4000
    """Up to this many rows, all are multiplied in float32; also the most copied together."""
    most: float = 0.2
    """Share of the admitted rows beyond which preselecting them does not pay off."""
    blocks: Blocks = Blocks()


LIMITS = NearestLimits()


@dataclass(frozen=True)
class _Query:
    """A query's code, and a row's error: factors for |sc| and |r|, and a constant term."""

    code: NDArray[np.int8]
    scale: np.float32
    kept: np.float32
    left: np.float32
    tiny: np.float32


class _Found(NamedTuple):
    rows: NDArray[np.int64]
    lower: NDArray[np.float32]
    upper: NDArray[np.float32]


def nearest(
    query: NDArray[np.float32],
    vectors: Embeddings,
    codes: Codes,
    admitted: NDArray[np.bool_],
    *,
    k: int,
    limits: NearestLimits = LIMITS,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the k best admitted rows and their scores, best first, ties by row.

    query float32 (dim,), vectors float32 (rows, dim), both finite; codes of the vectors; admitted
    bool (rows,). Returns int64 and float32, both (min(k, admitted),). Scores are clipped to the
    range of float32. Blocks until done.
    """
    count = int(np.count_nonzero(admitted))
    k = min(k, count)
    if k <= 0:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    norm = float(np.linalg.norm(query.astype(np.float64)))
    if not all(_USUAL[0] < size < _USUAL[1] for size in (norm, codes.largest)):
        limits = replace(limits, blocks=replace(limits.blocks, rows=_WIDE_ROWS))
        return best(*_multiply_all(query.astype(np.float64), vectors, admitted, limits), k)
    if limits.few < count and k <= min(limits.few, limits.most * count):
        found = _scan_all(_coded(query, codes), codes, admitted, k=k, limits=limits)
        likely = found.rows[np.argpartition(found.lower, -k)[-k:]]
        enough = products(query, vectors[likely]).min()
        rows = found.rows[found.upper >= enough]
        if len(rows) <= limits.few:
            return best(rows, products(query, vectors[rows]), k)
        admitted = np.zeros_like(admitted)
        admitted[rows] = True
    return best(*_multiply_all(query, vectors, admitted, limits), k)


def _multiply_all(
    query: NDArray[np.floating],
    vectors: Embeddings,
    admitted: NDArray[np.bool_],
    limits: NearestLimits,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    def multiply(begin: int, end: int) -> list[NDArray[np.float32]]:
        walk = block_products(query, vectors, admitted, (begin, end), blocks=limits.blocks)
        parts = (
            block.scores if block.hidden is None else block.scores[~block.hidden] for block in walk
        )
        return [scores.clip(-_HUGE, _HUGE).astype(np.float32) for scores in parts]

    parts = limits.blocks.spread(multiply, len(vectors))
    return np.flatnonzero(admitted), np.concatenate([part for some in parts for part in some])


def _coded(query: NDArray[np.float32], codes: Codes) -> _Query:
    code = encode(query[None])
    scale, kept, left = (float(bound[0]) for bound in code.bounds)
    norm, dim = kept + left, len(query)
    rounding = (dim + 32) * 2.0**-23
    factors = (
        left + rounding * norm,
        norm + rounding * norm,
        8 * dim * _TINY * (1 + norm + codes.largest),
    )
    return _Query(code.values[0], np.float32(scale), *(np.float32(f * 1.00001) for f in factors))


def _scan_all(
    query: _Query, codes: Codes, admitted: NDArray[np.bool_], *, k: int, limits: NearestLimits
) -> _Found:
    """Return the rows whose upper bound reaches the k-th greatest lower bound; at least k."""

    def scan(begin: int, end: int) -> list[_Found]:
        walk = block_products(
            query.code, codes.values, admitted, (begin, end), blocks=limits.blocks
        )
        found: list[_Found] = []
        pool, enough = np.empty(0, np.float32), np.float32(-np.inf)
        for block in walk:
            bounds = codes.bounds[:, block.begin : block.end][:, block.chosen]
            lower, upper = _bounds(query, block.scores, bounds)
            if block.hidden is not None:
                lower[block.hidden] = upper[block.hidden] = -np.inf
            if not found:
                enough = low_kth(lower, k)
            reach = np.flatnonzero(upper >= max(enough, _LEAST))
            found.append(_Found(block.rows(reach), lower[reach], upper[reach]))
            pool = np.concatenate([pool, lower[reach]])
            if len(pool) >= k:
                pool = np.partition(pool, -k)[-k:]
                enough = pool[0]
        return found

    parts = [part for some in limits.blocks.spread(scan, len(admitted)) for part in some]
    found = _Found(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    reach = found.upper >= np.partition(found.lower, -k)[-k]
    return _Found(*(column[reach] for column in found))


def _bounds(
    query: _Query, scores: NDArray[np.float32], bounds: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return lower and upper bounds of the true scores; overwrites `scores`."""
    scale, kept, left = bounds
    scores *= scale
    scores *= query.scale
    error = kept * query.kept
    error += left * query.left
    error += query.tiny
    upper = scores + error
    scores -= error
    return scores, upper
