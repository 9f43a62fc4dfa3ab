"""Load a model as what it is: an embedder, or a reranker that reads query and text together."""

from simile.engine.cross_encoder import LocalReranker
from simile.engine.embedder import LocalEmbedder
from simile.engine.embedding_reranker import EmbeddingReranker
from simile.engine.stats import EngineStats
from simile.errors import InputError
from simile.models.cross_encoder import CrossEncoder
from simile.models.local_model import LocalModel
from simile.models.open import open_model
from simile.types import Precision

Engine = LocalEmbedder | LocalReranker


def load(
    model: LocalModel, *, precision: Precision = "auto", stats: EngineStats | None = None
) -> Engine:
    """Load and compile; CheckpointError, UnsupportedModelError or EngineError if it fails."""
    opened = open_model(model)
    if isinstance(opened, CrossEncoder):
        return LocalReranker(model, precision=precision, stats=stats, encoder=opened)
    return LocalEmbedder(model, precision=precision, stats=stats, encoder=opened)


def as_embedder(engine: Engine) -> LocalEmbedder:
    """Give the embedder; InputError for a model that makes no vectors."""
    if isinstance(engine, LocalReranker):
        raise InputError(
            f"{engine.name} makes no embeddings: it is a reranker, which scores texts for a query"
        )
    return engine


def as_reranker(engine: Engine) -> LocalReranker | EmbeddingReranker:
    """Give what ranks: as it is, or by the cosines of an embedding model."""
    return engine if isinstance(engine, LocalReranker) else EmbeddingReranker(engine)
