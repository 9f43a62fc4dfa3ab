"""Turn the numbers of an engine's answer into float32 vectors, and find what is wrong with them.

Knows lists and arrays; does not know wire formats.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from simile.errors import NotFiniteError, RemoteEngineError
from simile.types import Embeddings


def to_vectors(rows: object, *, count: int, engine: str) -> Embeddings:
    """Make float32 (count, dim) of so many rows of numbers; null, NaN and Inf become NaN.

    A row is a list, a float32 array or None. Raises RemoteEngineError for another number of rows,
    rows of unequal or no width, and what is no number.
    """
    if not isinstance(rows, list):
        raise RemoteEngineError(f"{engine} answered without a list of vectors")
    if len(rows) != count:
        raise RemoteEngineError(f"{engine} answered {len(rows)} vectors for {count} texts")
    widths = sorted({_width(row, engine) for row in rows if row is not None})
    if len(widths) > 1:
        raise RemoteEngineError(f"{engine} answered vectors of unequal widths: {widths}")
    if widths in ([], [0]) and count:
        raise RemoteEngineError(f"{engine} answered vectors without numbers")
    dim = widths[0] if widths else 0
    vectors = np.full((count, dim), np.nan, dtype=np.float32)
    for place, row in enumerate(rows):
        if row is not None:
            vectors[place] = _numbers(row, engine)
    return vectors


def check_finite(vectors: Embeddings, *, engine: str) -> Embeddings:
    """Give the vectors (n, dim) back; NotFiniteError, which holds them, if some are not finite."""
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(bad):
        vectors[bad] = np.nan
        raise NotFiniteError(
            f"{engine} computed no finite numbers for {len(bad)} of {len(vectors)} texts, the first"
            f" is text {bad[0]}; leave those out, or change what they hold",
            vectors=vectors,
            rows=tuple(map(int, bad)),
        )
    return vectors


def _width(row: object, engine: str) -> int:
    if isinstance(row, list) or (isinstance(row, np.ndarray) and row.ndim == 1):
        return len(row)
    raise RemoteEngineError(f"{engine} answered a vector that is no list of numbers")


def _numbers(row: Sequence[Any], engine: str) -> Embeddings:
    numbers = np.array(row)
    if numbers.dtype == np.object_ and all(isinstance(x, float | int | None) for x in row):
        with suppress(OverflowError):  # Of an integer of hundreds of digits.
            numbers = np.array(row, dtype=np.float64)  # None becomes NaN.
    if numbers.ndim != 1 or numbers.dtype.kind not in "fiu":
        raise RemoteEngineError(f"{engine} answered a vector that is no list of numbers")
    with np.errstate(over="ignore"):
        return numbers.astype(np.float32)
