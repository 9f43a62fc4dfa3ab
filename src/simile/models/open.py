"""Open a model as what it is: an encoder, a static table or a cross-encoder."""

from simile.checkpoints.open import open_checkpoint
from simile.checkpoints.static import StaticCheckpoint
from simile.models.cross_encoder import CrossEncoder
from simile.models.encoder import Encoder
from simile.models.facts import ModelFacts
from simile.models.local_model import LocalModel
from simile.models.rerank_layout import is_reranker
from simile.models.static_encoder import StaticEncoder


def read_facts(model: LocalModel) -> ModelFacts:
    """Read a model's files; CheckpointError or UnsupportedModelError where they do not do.

    Prompts are the checkpoint's own, else the catalogue's; the window likewise the other way.
    """
    return CrossEncoder(model).facts if is_cross_encoder(model) else open_encoder(model).facts


def open_encoder(model: LocalModel) -> Encoder | StaticEncoder:
    """Open a model as what it is; raises as Encoder does."""
    checkpoint = open_checkpoint(model.path)
    if isinstance(checkpoint, StaticCheckpoint):
        return StaticEncoder(model, checkpoint)
    return Encoder(model, checkpoint)


def is_cross_encoder(model: LocalModel) -> bool:
    """Whether a model reads query and text together; it is an embedding model otherwise.

    Raises CheckpointError for a folder that holds no config.json that can be read.
    """
    return is_reranker(open_checkpoint(model.path))
