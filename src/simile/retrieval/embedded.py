"""Embed texts with any model, and check that it returns one vector of its width per text."""

from collections.abc import Sequence

import numpy as np

from simile.errors import EngineError
from simile.protocols import EmbeddingModel
from simile.types import Embeddings, Role


def embedded(model: EmbeddingModel, texts: Sequence[str], role: Role) -> Embeddings:
    """Embed texts; return float32 (n, dim), with too large values as Inf.

    Raises EngineError unless there is one vector of the model's width per text, and whatever the
    model raises.
    """
    given = model.embed(texts, role=role)
    wanted = f"expected one vector of width {model.dim} per text"
    try:
        with np.errstate(over="ignore"):
            vectors = np.asarray(given, dtype=np.float32)
    except (ValueError, TypeError) as exc:
        raise EngineError(
            f"{model.name} returned no array of numbers for {len(texts)} texts: {exc}; {wanted}"
        ) from exc
    if vectors.shape != (len(texts), model.dim):
        got = f"an array of shape {vectors.shape} for {len(texts)} texts"
        raise EngineError(f"{model.name} returned {got}; {wanted}")
    return vectors
