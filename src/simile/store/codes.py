"""Encode the rows of a float32 matrix as int8 codes, with bounds on the error.

Row x becomes x = s*c + r: c integers in -127 ... 127, s a float32, r the rest. Stored are c, s,
and upper bounds on |s*c| and |r|, so that a product with the codes bounds the true product
(`nearest`). Works on arrays; does not know what they mean or where they are stored.
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
    """The codes of a matrix's rows."""

    values: NDArray[np.int8]
    """int8 (rows, dim)."""
    bounds: NDArray[np.float32]
    """float32 (3, rows): the scale s, and upper bounds on |s*c| and |r|."""

    @cached_property
    def largest(self) -> float:
        """At least half of any row's norm; infinite if it overflows, 0 without rows."""
        return float(self.bounds[1:].max(initial=0))

    def __getitem__(self, rows: slice) -> "Codes":
        """Return the codes of some rows, without copying."""
        return Codes(self.values[rows], self.bounds[:, rows])


def encode(vectors: Embeddings) -> Codes:
    """Encode vectors, float32 (rows, dim), finite, of any norm.

    With u = x/s the rest is t = u - c, exact in float32 except for the rounding of u (at most
    2^-24 of it), and |r| = s*|t|. Sums of squares of u and t neither overflow nor vanish,
    whatever the magnitude of x. The added factor and term exceed all rounding errors.
    """
    rows, dim = vectors.shape
    step = max(1, _BLOCK_BYTES // (4 * max(1, dim)))
    codes = Codes(np.empty((rows, dim), np.int8), np.empty((3, rows), np.float32))
    for begin in range(0, rows, step):
        _encode_block(vectors[begin : begin + step], codes[begin : begin + step])
    return codes


def same_codes(one: Codes, other: Codes) -> bool:
    """Return whether both encode the same vectors; sums may differ in order."""
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
