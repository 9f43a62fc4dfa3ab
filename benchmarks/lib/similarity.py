"""Compare two engines' vectors of the same texts."""

import numpy as np
from numpy.typing import NDArray

from simile.types import Embeddings


def cosines(theirs: Embeddings, ours: Embeddings) -> NDArray[np.float32]:
    """Return the cosine of each pair of rows, float32 (n,)."""
    norms = np.linalg.norm(theirs, axis=1) * np.linalg.norm(ours, axis=1)
    found: NDArray[np.float32] = (theirs * ours).sum(axis=1) / norms
    return found
