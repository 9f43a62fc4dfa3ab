"""Open a model as what it is: an encoder, a static table or a cross-encoder.

A checkpoint is opened once, described, and built from its description. Does not know devices.
"""

from simile.checkpoints.open import open_checkpoint
from simile.models.cross_encoder import CrossEncoder
from simile.models.description import (
    EncoderDescription,
    RerankerDescription,
    TableDescription,
    describe,
    describe_embedder,
    describe_reranker,
)
from simile.models.encoder import Encoder
from simile.models.facts import ModelFacts
from simile.models.local_model import LocalModel
from simile.models.rerank_layout import is_reranker
from simile.models.static_encoder import StaticEncoder


def open_model(local: LocalModel) -> Encoder | StaticEncoder | CrossEncoder:
    """Read configurations and headers; CheckpointError or UnsupportedModelError if they are wrong.

    The weights are read when the graph is built.
    """
    described = describe(open_checkpoint(local.path), local)
    if isinstance(described, RerankerDescription):
        return CrossEncoder(described)
    return _encoder(described)


def open_encoder(local: LocalModel) -> Encoder | StaticEncoder:
    """As open_model, for a model that must make vectors; a reranker is refused."""
    return _encoder(describe_embedder(open_checkpoint(local.path), local))


def open_cross_encoder(local: LocalModel) -> CrossEncoder:
    """As open_model, for a model that must give scores to pairs; an embedding model is refused."""
    return CrossEncoder(describe_reranker(open_checkpoint(local.path), local))


def read_facts(local: LocalModel) -> ModelFacts:
    """Read what a model's files say, without its weights; raises as open_model does."""
    return describe(open_checkpoint(local.path), local).facts


def is_cross_encoder(local: LocalModel) -> bool:
    """Whether a model reads query and text together; it is an embedding model otherwise.

    Raises CheckpointError for a folder that holds no config.json that can be read.
    """
    return is_reranker(open_checkpoint(local.path))


def _encoder(described: EncoderDescription | TableDescription) -> Encoder | StaticEncoder:
    if isinstance(described, TableDescription):
        return StaticEncoder(described)
    return Encoder(described)
