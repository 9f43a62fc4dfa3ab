"""Validate vectors and normalize them to float32 rows of length 1.

Inner products are therefore cosines everywhere in this package.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from simile.errors import InputError
from simile.types import Embeddings

_BLOCK = 16_384


def unit_rows(vectors: ArrayLike, texts: Sequence[str] | None = None) -> Embeddings:
    """Validate vectors and scale each row to length 1; rows of zeros stay zero.

    Takes numbers (n, dim), n = 0 included; returns a new contiguous float32 (n, dim). Raises
    InputError for rows that are not finite, or if `texts` has another length.
    """
    try:
        given = np.asarray(vectors)
    except ValueError as exc:
        raise InputError("the vectors differ in length; expected (n, dim)") from exc
    if given.ndim != 2 or given.dtype.kind not in "fiu":
        got = f"an array of {given.dtype} and shape {given.shape}"
        raise InputError(f"the vectors are {got}; expected numbers of shape (n, dim)")
    if texts is not None and len(texts) != len(given):
        raise InputError(f"{len(texts):,} texts and {len(given):,} vectors; expected one for each")
    unit = np.empty(given.shape, np.float32)
    for start in range(0, len(given), _BLOCK):
        part = given[start : start + _BLOCK].astype(np.float64)
        bad = np.flatnonzero(~np.isfinite(part).all(axis=1))
        if len(bad):
            row = start + int(bad[0])
            raise InputError(f"row {row} of the vectors contains NaN or Inf; leave it out")
        # Divide by the largest element first, so that squares neither overflow nor underflow.
        largest = np.abs(part).max(axis=1, initial=0.0, keepdims=True)
        part /= np.where(largest > 0, largest, 1.0)
        lengths = np.linalg.norm(part, axis=1, keepdims=True)
        unit[start : start + _BLOCK] = part / np.where(lengths > 0, lengths, 1.0)
    return unit
