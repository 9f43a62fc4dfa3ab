"""Test whether two searches differ, beyond the choice of queries.

Paired randomization test, two-sided (Smucker, Allan, Carterette 2007, section 2.2): under the null
hypothesis the sign of each query's difference is random. Not corrected for multiple comparisons.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

PERMUTATIONS = 10_000
NOISE = 0.05
"""Differences with at least this p-value are considered chance."""
_SEED = 20070
_BLOCK = 2**20
"""Random signs in memory at once."""
_ROUNDING = 1e-10
"""Tolerance for sums that are equal in exact arithmetic, relative to the sum of differences."""


def p_value(differences: ArrayLike, *, permutations: int = PERMUTATIONS) -> float:
    """Return the probability of a mean at least as far from 0, given differences, float (n,)."""
    return float(p_values(np.atleast_1d(differences)[:, None], permutations=permutations)[0])


def p_values(differences: ArrayLike, *, permutations: int = PERMUTATIONS) -> NDArray[np.float64]:
    """Return `p_value` of each column of float (n, columns); NaN counts as no difference.

    Exact if a column has at most `permutations` choices of signs; otherwise (b + 1) / (m + 1)
    (Phipson & Smyth 2010), which is never 0. Deterministic.
    """
    given = np.nan_to_num(np.asarray(differences, np.float64), nan=0.0)
    told = np.empty(given.shape[1])
    many = []
    for place, column in enumerate(given.T):
        signed = column[column != 0, None]  # Zeros have no sign.
        if 2 ** min(len(signed), 62) > permutations:
            many.append(place)
        else:
            told[place] = _extreme(signed, [_all_coins(len(signed))])[0] / 2 ** len(signed)
    if many:
        extreme = _extreme(given[:, many], _thrown(len(given), permutations))
        told[many] = (extreme + 1) / (permutations + 1)
    return told


def _extreme(given: NDArray[np.float64], coins: Iterable[NDArray[np.float64]]) -> NDArray[np.int64]:
    """Count, for each column, the throws whose sum is at least as far from 0 as the given one."""
    total = given.sum(axis=0)
    least = np.abs(total) - _ROUNDING * np.abs(given).sum(axis=0)
    extreme = np.zeros(given.shape[1], np.int64)
    for block in coins:
        extreme += (np.abs(2.0 * (block @ given) - total) >= least).sum(axis=0)
    return extreme


def _all_coins(count: int) -> NDArray[np.float64]:
    numbers = np.arange(2**count)[:, None]
    return ((numbers >> np.arange(count)) & 1).astype(np.float64)


def _thrown(count: int, permutations: int) -> Iterator[NDArray[np.float64]]:
    chance = np.random.default_rng(_SEED)
    rows = max(1, _BLOCK // count)
    for start in range(0, permutations, rows):
        size = min(rows, permutations - start)
        yield chance.integers(0, 2, (size, count), np.uint8).astype(np.float64)
