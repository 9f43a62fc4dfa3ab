"""Turn token ids into text vectors with a table alone: the mean of the tokens' rows.

In NumPy, without OpenVINO: there is nothing to compile, and rows are read as they are needed. As
model2vec 0.10 computes it (`StaticModel.encode`: no unknown tokens, texts cut by characters and by
tokens), or, in its own layout, sentence-transformers 6.2 (`StaticEmbedding`: all tokens). Does not
know files.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from simile.architectures.architecture import ENDLESS
from simile.checkpoints.static import StaticCheckpoint
from simile.checkpoints.tensors import Floats, Tensors
from simile.errors import CheckpointError
from simile.models.facts import ModelFacts
from simile.models.local_model import LocalModel
from simile.models.modules import read_prompt_facts, read_widths
from simile.models.tokenizer import Text, TokenIds, TokenizedText, Tokenizer

_MODEL2VEC_WINDOW = 512
_ROWS_AT_A_TIME = 512
"""So few can be added in float32 with six digits left."""
_TABLES = ("embeddings", "embedding.weight")
_BESIDE = ("mapping", "weights")
_LEAST_LENGTH = np.float32(1e-12)


class StaticEncoder:
    """A table's checkpoint, read and checked."""

    def __init__(self, model: LocalModel, checkpoint: StaticCheckpoint) -> None:
        """Read headers and tokenizer; CheckpointError or UnsupportedModelError on what is wrong."""
        self._checkpoint = checkpoint
        self._tensors = checkpoint.tensors()
        self._fast = checkpoint.tokenizer()
        self.facts = self._read_facts(model)

    def tokenizer(self) -> Tokenizer:
        """Give the checkpoint's tokenizer."""
        kind = _CuttingTokenizer if self._checkpoint.follows_model2vec else Tokenizer
        return kind(self._fast)

    def runner(self) -> "StaticRunner":
        """Read the table; CheckpointError where its parts do not agree."""
        unknown = _unknown_id(self._fast) if self._checkpoint.follows_model2vec else None
        table = _read_table(self._tensors, self.facts.vocab_size)
        return StaticRunner(table, unknown=unknown, normalize=self.facts.normalize)

    def _read_facts(self, model: LocalModel) -> ModelFacts:
        window = self._window()
        vocab_size = max(self._fast.get_vocab(with_added_tokens=True).values(), default=-1) + 1
        _, width = _table_shape(self._tensors)
        dim, dimensions = read_widths(self._checkpoint, model, width)
        prompts, default_prompt = read_prompt_facts(self._checkpoint, model)
        return ModelFacts(
            model_type=self._checkpoint.config["model_type"],
            dim=dim,
            parameter_count=self._tensors.parameter_count,
            weight_format=self._tensors.weight_format,
            layer_count=0,
            head_count=0,
            feed_forward_size=0,
            layer_norm_eps=0.0,
            vocab_size=vocab_size,
            context_length=window,
            max_tokens=min(model.window or window, window),
            pooling="mean",
            normalize=self._checkpoint.normalize,
            prompts=prompts,
            default_prompt=default_prompt,
            dimensions=dimensions,
        )

    def _window(self) -> int:
        """Give the tokens that are read of a text, as the library of the layout cuts it."""
        if not self._checkpoint.follows_model2vec:
            return self._checkpoint.tokenizer_window() or ENDLESS
        # A null says that nothing is cut, no key that the default holds.
        if self._checkpoint.config.get("max_length", _MODEL2VEC_WINDOW) is None:
            return ENDLESS
        return self._checkpoint.configuration.size("max_length", _MODEL2VEC_WINDOW)


@dataclass(frozen=True)
class _Table:
    """Rows (rows, dim), and by token its row and its weight where they are not its id and 1."""

    rows: Floats
    places: NDArray[np.int64] | None
    weights: Floats | None


class StaticRunner:
    """Computes batches, in f32."""

    def __init__(self, table: _Table, *, unknown: int | None, normalize: bool) -> None:
        self._table = table
        self._unknown = unknown
        self._normalize = normalize

    def run(self, input_ids: TokenIds, token_mask: TokenIds) -> Floats:
        """(batch, seq) int32 twice to (batch, dim) float32; no token gives zeros."""
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


class _CuttingTokenizer(Tokenizer):
    """Cuts a text to the median length of a token for each token of the window, as Model2Vec."""

    def __init__(self, fast: Any) -> None:
        super().__init__(fast)
        lengths = [len(token) for token in fast.get_vocab(with_added_tokens=True)]
        self._token_chars = int(np.median(lengths))

    def encode(self, texts: Sequence[Text], windows: Sequence[int]) -> list[TokenizedText]:
        """Tokenise texts, each cut to its window; see Tokenizer."""
        heads = [
            text[: window * self._token_chars] if isinstance(text, str) else text
            for text, window in zip(texts, windows, strict=True)
        ]
        return [
            replace(found, truncated=found.truncated or len(head) < len(text))
            for found, head, text in zip(super().encode(heads, windows), heads, texts, strict=True)
        ]


def _table_shape(tensors: Tensors) -> tuple[str, int]:
    """Find the table's name and width; CheckpointError where there is none."""
    shapes = {name: shape for name, _, shape in tensors.shapes}
    name = next((name for name in _TABLES if len(shapes.get(name, ())) == 2), None)
    if name is None:
        raise CheckpointError(
            f"model.safetensors holds {', '.join(shapes) or 'nothing'}; expected a table"
            f" {' or '.join(_TABLES)} of two axes"
        )
    return name, shapes[name][1]


def _read_table(tensors: Tensors, vocab_size: int) -> _Table:
    """Take the table and what belongs to it; CheckpointError where they do not agree."""
    shapes = {name: shape for name, _, shape in tensors.shapes}
    name, _ = _table_shape(tensors)
    taken = {key: tensors.take(key, shapes[key]) for key in (name, *_BESIDE) if key in shapes}
    tensors.refuse_unknown(())
    by_token = [key for key in _BESIDE if key in taken]
    for key in by_token if "mapping" in taken else [name, *by_token]:
        if len(taken[key]) < vocab_size:
            raise CheckpointError(
                f"tensor {key} has {len(taken[key])} rows; the vocabulary has {vocab_size} tokens"
            )
    if "mapping" not in taken:
        return _Table(taken[name], None, taken.get("weights"))
    places = taken["mapping"].astype(np.int64)
    if places.min(initial=0) < 0 or places.max(initial=0) >= len(taken[name]):
        raise CheckpointError(
            f"tensor mapping: a row is not among the {len(taken[name])} of {name}"
        )
    return _Table(taken[name], places, taken.get("weights"))


def _unknown_id(fast: Any) -> int | None:
    """Find the id of the unknown token, which a Unigram tokenizer has and the others name."""
    model = json.loads(fast.to_str())["model"]
    if "unk_id" in model:
        return cast("int | None", model["unk_id"])
    name = model.get("unk_token")
    return None if name is None else cast("int | None", fast.token_to_id(name))
