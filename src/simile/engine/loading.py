"""Load a model as what it is: an embedder, or a reranker that reads query and text together."""

from simile.engine.cross_encoder import LocalReranker
from simile.engine.embedder import LocalEmbedder
from simile.engine.stats import EngineStats
from simile.models.local_model import LocalModel
from simile.models.open import is_cross_encoder
from simile.types import Precision

Engine = LocalEmbedder | LocalReranker


def load(
    model: LocalModel, *, precision: Precision = "auto", stats: EngineStats | None = None
) -> Engine:
    """Load and compile; CheckpointError, UnsupportedModelError or EngineError if it fails."""
    kind = LocalReranker if is_cross_encoder(model) else LocalEmbedder
    return kind(model, precision=precision, stats=stats)
