"""Vectors of length 1, so that the inner product of two is their cosine."""

import numpy as np

from simile.types import Embeddings


def unit(vectors: Embeddings) -> Embeddings:
    """Scale each row of float32 (n, dim) to length 1; rows of zeros stay. Returns a new array."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)
