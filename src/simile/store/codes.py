"""Rows of a float32 matrix as int8 codes, with bounds on what the codes leave out.

Row x becomes x = s*c + r: c whole numbers in -127 ... 127, s a float32, r the rest. Kept are c, s,
and upper bounds on |s*c| and |r|, so that a product with the codes says between which values the
true product lies (`nearest`). Knows arrays only; what they are of, and where they lie, it does not.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from simile.types import Embeddings

_STEPS = 127
_SMALLEST = float(np.finfo(np.float32).tiny)
_BLOCK_BYTES = 1 << 19


@dataclass(frozen=True)
class Codes:
    """What stands for the rows of a matrix."""

    values: NDArray[np.int8]
    """int8 (rows, dim)."""
    bounds: NDArray[np.float32]
    """float32 (3, rows): the scale s, and upper bounds on |s*c| and |r|."""

    @cached_property
    def largest(self) -> float:
        """At least half of any row's norm; infinite where that cannot be said, 0 without rows."""
        return float(self.bounds[1:].max(initial=0))

    def __getitem__(self, rows: slice) -> "Codes":
        """The codes of some rows, without copying."""
        return Codes(self.values[rows], self.bounds[:, rows])


def encode(vectors: Embeddings) -> Codes:
    """Codes of vectors, float32 (rows, dim), finite, of any norm.

    With u = x/s the rest is t = u - c, exact in float32 but for the rounding of u (at most 2^-24
    of it), and |r| = s*|t|. Sums of squares of u and t neither overflow nor vanish, whatever the
    magnitude of x. The factor and the term that are added are above all roundings.
    """
    rows, dim = vectors.shape
    step = max(1, _BLOCK_BYTES // (4 * max(1, dim)))
    codes = Codes(np.empty((rows, dim), np.int8), np.empty((3, rows), np.float32))
    for begin in range(0, rows, step):
        _encode_block(vectors[begin : begin + step], codes[begin : begin + step])
    return codes


def same_codes(one: Codes, other: Codes) -> bool:
    """Whether they are of the same vectors; sums may have been taken in another order."""
    return (
        np.array_equal(one.values, other.values)
        and np.array_equal(one.bounds[0], other.bounds[0])
        and np.allclose(one.bounds[1:], other.bounds[1:], rtol=1e-5, atol=_SMALLEST)
    )


def _encode_block(vectors: Embeddings, into: Codes) -> None:
    largest = np.maximum(vectors.max(axis=1), -vectors.min(axis=1))
    scale = np.maximum(largest / np.float32(_STEPS), np.float32(_SMALLEST))
    rest = vectors / scale[:, None]
    whole = np.rint(rest)
    rest -= whole
    into.values[:] = whole
    kept = np.sqrt(np.einsum("ij,ij->i", whole, whole))
    left = np.sqrt(np.einsum("ij,ij->i", rest, rest))
    into.bounds[0] = scale
    up = np.float32(1 + (vectors.shape[1] + 16) * 2**-23)
    with np.errstate(over="ignore"):  # infinite for the largest vectors; still a bound
        into.bounds[1] = scale * kept * up
        into.bounds[2] = scale * (left + np.float32(2**-22) * kept) * up
