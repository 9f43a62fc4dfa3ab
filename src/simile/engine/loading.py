"""Load a model as what it is: an embedder, or a reranker that reads query and text together."""

import math

from simile.engine.cross_encoder import LocalReranker
from simile.engine.embedder import LocalEmbedder
from simile.engine.stats import EngineStats
from simile.models.cross_encoder import CrossEncoder
from simile.models.local_model import LocalModel
from simile.models.open import open_model
from simile.types import Precision

Engine = LocalEmbedder | LocalReranker


def load(
    model: LocalModel,
    *,
    precision: Precision = "auto",
    stats: EngineStats | None = None,
    max_wait_s: float = math.inf,
) -> Engine:
    """Load and compile. Raises CheckpointError, UnsupportedModelError or EngineError."""
    opened = open_model(model)
    if isinstance(opened, CrossEncoder):
        return LocalReranker(
            model, precision=precision, stats=stats, encoder=opened, max_wait_s=max_wait_s
        )
    return LocalEmbedder(
        model, precision=precision, stats=stats, encoder=opened, max_wait_s=max_wait_s
    )
