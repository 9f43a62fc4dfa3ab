"""Turn token ids into text vectors with a table alone: the mean of the tokens' rows.

In NumPy, without OpenVINO: there is nothing to compile, and rows are read as they are needed. As
model2vec 0.10 (`StaticModel.encode`) and sentence-transformers 6.2 (`StaticEmbedding`) compute it.
Knows tensors; does not know texts.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simile.checkpoints.tensors import Floats, Tensors
from simile.errors import CheckpointError
from simile.models.tokenizer import TokenIds

_ROWS_AT_A_TIME = 512
"""So few can be added in float32 with six digits left."""
_TABLES = ("embeddings", "embedding.weight")
_BESIDE = ("mapping", "weights")
_LEAST_LENGTH = np.float32(1e-12)


@dataclass(frozen=True)
class Table:
    """Rows (rows, dim), and by token its row and its weight where they are not its id and 1."""

    rows: Floats
    places: NDArray[np.int64] | None
    weights: Floats | None


class StaticRunner:
    """Computes batches, in f32."""

    def __init__(self, table: Table, *, unknown: int | None, normalize: bool) -> None:
        self._table = table
        self._unknown = unknown
        self._normalize = normalize

    def run(
        self, input_ids: TokenIds, token_mask: TokenIds, token_types: TokenIds | None = None
    ) -> Floats:
        """Compute (batch, dim) float32 from (batch, seq) int32 each; no token gives zeros.

        Types do not matter: a table has none.
        """
        lengths = token_mask.sum(axis=1)
        vectors = np.zeros((len(input_ids), self._table.rows.shape[1]), dtype=np.float32)
        for vector, ids, length in zip(vectors, input_ids, lengths, strict=True):
            known = ids[:length]
            if self._unknown is not None:
                known = known[known != self._unknown]
            if len(known):
                vector[:] = self._sum(known) / len(known)
        if self._normalize:
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), _LEAST_LENGTH)
        return vectors

    def _sum(self, ids: TokenIds) -> NDArray[np.float64]:
        """Add up the rows, in slices, so that a text of any length takes little memory."""
        table = self._table
        total = np.zeros(table.rows.shape[1], dtype=np.float64)
        for start in range(0, len(ids), _ROWS_AT_A_TIME):
            some = ids[start : start + _ROWS_AT_A_TIME]
            rows = table.rows[some if table.places is None else table.places[some]]
            total += rows.sum(axis=0) if table.weights is None else table.weights[some] @ rows
        return total


def find_table(tensors: Tensors) -> tuple[str, int]:
    """Find the table's name and width. Raises CheckpointError if there is no table."""
    shapes = {name: shape for name, _, shape in tensors.shapes}
    name = next((name for name in _TABLES if len(shapes.get(name, ())) == 2), None)
    if name is None:
        raise CheckpointError(
            f"model.safetensors holds {', '.join(shapes) or 'nothing'}; expected a table"
            f" {' or '.join(_TABLES)} of two axes"
        )
    return name, shapes[name][1]


def read_table(tensors: Tensors, vocab_size: int) -> Table:
    """Take the table and what belongs to it. Raises CheckpointError if they do not agree."""
    shapes = {name: shape for name, _, shape in tensors.shapes}
    name, _ = find_table(tensors)
    taken = {key: tensors.take(key, shapes[key]) for key in (name, *_BESIDE) if key in shapes}
    tensors.refuse_unknown(())
    by_token = [key for key in _BESIDE if key in taken]
    for key in by_token if "mapping" in taken else [name, *by_token]:
        if len(taken[key]) < vocab_size:
            raise CheckpointError(
                f"tensor {key} has {len(taken[key])} rows; the vocabulary has {vocab_size} tokens"
            )
    if "mapping" not in taken:
        return Table(taken[name], None, taken.get("weights"))
    places = taken["mapping"].astype(np.int64)
    if places.min(initial=0) < 0 or places.max(initial=0) >= len(taken[name]):
        raise CheckpointError(
            f"tensor mapping: a row is not among the {len(taken[name])} of {name}"
        )
    return Table(taken[name], places, taken.get("weights"))
