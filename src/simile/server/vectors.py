"""Turn the engine's vectors into the numbers that go over the wire: checked, of length 1, cut.

Knows arrays; does not know JSON keys or protocols. Normalization as Ollama's: float32 sums, length
at least 1e-12, and once more after a Matryoshka cut (Ollama 0.33's API, read 2026-11).
"""

import math
from base64 import b64encode
from collections.abc import Iterator

import numpy as np

from simile.engine.matryoshka import cut
from simile.errors import NotFiniteError
from simile.models.facts import ModelFacts
from simile.types import Embeddings

BLOCK_ROWS = 64
"""Rows turned into text at a time, within 2 ms: a long answer neither fills memory nor holds up
others."""


def scales(vectors: Embeddings) -> Embeddings:
    """Return the factors (n, 1) that scale rows (n, dim) to length 1. Raises NotFiniteError."""
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    # NaN and Inf in any value come out in the length of its row, and in the greatest length.
    if not math.isfinite(lengths.max(initial=0)):
        rows = tuple(map(int, np.flatnonzero(~np.isfinite(lengths))))
        raise NotFiniteError("the model computed NaN or Inf", vectors=vectors, rows=rows)
    scale: Embeddings = 1 / np.maximum(lengths, np.float32(1e-12))
    return scale[:, None]


def blocks(vectors: Embeddings, dimensions: int, facts: ModelFacts) -> Iterator[Embeddings]:
    """Yield rows (n, dim) of length 1, block by block, cut to `dimensions` if that is fewer.

    A cut row is brought to length 1 again. NotFiniteError comes at once, before the first block.
    """
    scale = scales(vectors)

    def block(start: int) -> Embeddings:
        rows = slice(start, start + BLOCK_ROWS)
        unit = vectors[rows] * scale[rows]
        return cut(unit, dimensions, layer_norm=facts.layer_norm_before_cut)

    return map(block, range(0, len(vectors), BLOCK_ROWS))


def base64_text(vector: Embeddings) -> bytes:
    """Encode one vector (dim,) as padded base64 of little-endian float32."""
    return b64encode(vector.astype("<f4", copy=False).tobytes())
