"""Cut vectors to their first numbers and bring them to length 1 again.

Kusupati et al. 2022, https://arxiv.org/abs/2205.13147: a model trained so says most with the first.
Knows arrays and widths; does not know the checkpoint.
"""

from collections.abc import Sequence

import numpy as np

from simile.engine.runner import BatchRunner
from simile.errors import InputError
from simile.models.tokenizer import TokenIds
from simile.types import Embeddings

_LEAST_LENGTH = np.float32(1e-12)


def cut(vectors: Embeddings, dimensions: int, *, layer_norm: bool = False) -> Embeddings:
    """Keep the first numbers of each row (n, dim), scaled to length 1; a row of zeros stays so.

    With layer_norm each whole row is normalized before, as nomic-embed-text-v1.5's card does it.
    Gives vectors as they are where there is nothing to cut.
    """
    if not 0 < dimensions < vectors.shape[1]:
        return vectors
    if layer_norm:
        # Layer normalization also divides by a factor that scaling to length 1 cancels.
        vectors = vectors - vectors.mean(axis=1, keepdims=True)
    head = vectors[:, :dimensions]
    lengths = np.sqrt(np.einsum("ij,ij->i", head, head))[:, None]
    unit: Embeddings = head / np.maximum(lengths, _LEAST_LENGTH)
    return unit


class CutRunner:
    """A runner whose vectors are cut; used by one thread at a time."""

    def __init__(self, runner: BatchRunner, dimensions: int, *, layer_norm: bool) -> None:
        self._runner = runner
        self._dimensions = dimensions
        self._layer_norm = layer_norm

    def run(
        self, input_ids: TokenIds, token_mask: TokenIds, token_types: TokenIds | None = None
    ) -> Embeddings:
        """Compute (batch, dimensions) float32; see BatchRunner."""
        vectors = self._runner.run(input_ids, token_mask, token_types)
        return cut(vectors, self._dimensions, layer_norm=self._layer_norm)


def check_dimensions(
    dimensions: int | None, dim: int, trained: Sequence[int], *, strict: bool
) -> int:
    """Return the width to cut to; `dim` for None.

    Raises InputError for what is not from 1 to dim, and, where strict, for a width below dim that
    is not known to be one that the model was trained for.
    """
    if dimensions is None:
        return dim
    if type(dimensions) is not int or not 1 <= dimensions <= dim:
        raise InputError(f"dimensions is {dimensions!r}; expected an integer from 1 to {dim}")
    if strict and dimensions not in (dim, *trained):
        known = (
            f"it was trained for {_listed(trained)}"
            if trained
            else "its trained widths are unknown"
        )
        raise InputError(
            f"the model is not known to be trained for {dimensions} dimensions: {known}"
        )
    return dimensions


def _listed(widths: Sequence[int]) -> str:
    if isinstance(widths, range):
        return f"{widths.start} to {widths.stop - 1}"
    return ", ".join(map(str, widths))
