"""Open what a test has written as the kind of model that it is."""

from pathlib import Path

from simile.hub.plain_folder import open_folder
from simile.models.encoder import Encoder
from simile.models.open import open_encoder


def encoder_of(path: Path) -> Encoder:
    """Open a folder or a GGUF file as a model that makes vectors; not a static table."""
    encoder = open_encoder(open_folder(str(path)))
    assert isinstance(encoder, Encoder)
    return encoder
