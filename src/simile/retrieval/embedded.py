"""Ask any model for vectors, and check that what comes is one row of the model's width a text."""

from collections.abc import Sequence

import numpy as np

from simile.errors import EngineError
from simile.protocols import EmbeddingModel
from simile.types import Embeddings, Role


def embedded(model: EmbeddingModel, texts: Sequence[str], role: Role) -> Embeddings:
    """What a model gives for texts, as float32 (n, dim); what is too large becomes Inf.

    EngineError if that is no vector of the model's width for each. Raises what the model raises.
    """
    given = model.embed(texts, role=role)
    wanted = f"expected one vector of width {model.dim} for each"
    try:
        with np.errstate(over="ignore"):
            vectors = np.asarray(given, dtype=np.float32)
    except (ValueError, TypeError) as exc:
        raise EngineError(
            f"{model.name} gave no array of numbers for {len(texts)} texts: {exc}; {wanted}"
        ) from exc
    if vectors.shape != (len(texts), model.dim):
        got = f"an array of shape {vectors.shape} for {len(texts)} texts"
        raise EngineError(f"{model.name} gave {got}; {wanted}")
    return vectors
