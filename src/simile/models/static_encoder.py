"""Turn a static table's checkpoint into a tokenizer and what computes with the table.

As model2vec 0.10 reads texts (`StaticModel.encode`: no unknown tokens, texts cut by characters and
by tokens), or, in its own layout, sentence-transformers 6.2 (`StaticEmbedding`: all tokens). Does
not know files.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from simile.models.description import TableDescription
from simile.models.static_table import StaticRunner, read_table
from simile.models.tokenizer import Text, TokenizedText, Tokenizer


class StaticEncoder:
    """A table's checkpoint, built as it is described."""

    def __init__(self, described: TableDescription) -> None:
        self._described = described
        self._follows_model2vec = described.checkpoint.follows_model2vec
        self.facts = described.facts

    def tokenizer(self) -> Tokenizer:
        """Give the checkpoint's tokenizer."""
        kind = _CuttingTokenizer if self._follows_model2vec else Tokenizer
        return kind(self._described.fast)

    def runner(self) -> StaticRunner:
        """Read the table; CheckpointError where its parts do not agree."""
        unknown = _unknown_id(self._described.fast) if self._follows_model2vec else None
        table = read_table(self._described.tensors, self.facts.sizes.vocab_size)
        return StaticRunner(table, unknown=unknown, normalize=self.facts.normalize)


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


def _unknown_id(fast: Any) -> int | None:
    """Find the id of the unknown token, which a Unigram tokenizer has and the others name."""
    model = json.loads(fast.to_str())["model"]
    if "unk_id" in model:
        return cast("int | None", model["unk_id"])
    name = model.get("unk_token")
    return None if name is None else cast("int | None", fast.token_to_id(name))
