"""Turn a static table's checkpoint into a tokenizer and a runner that computes with the table.

As model2vec 0.10 reads texts (`StaticModel.encode`: no unknown tokens, texts cut by characters and
by tokens), or, in its own layout, sentence-transformers 6.2 (`StaticEmbedding`: all tokens). Does
not know files.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from simile.checkpoints.tensors import Tensors
from simile.models.facts import ModelFacts
from simile.models.static_table import StaticRunner, read_table
from simile.models.tokenizer import Text, TokenizedText, Tokenizer


@dataclass(frozen=True, eq=False)
class StaticEncoder:
    """What a static table's files say, and the table, which is not read yet."""

    tensors: Tensors
    facts: ModelFacts
    fast: Any
    """The tokenizer, of the tokenizers library."""
    follows_model2vec: bool

    def tokenizer(self) -> Tokenizer:
        """Return the checkpoint's tokenizer."""
        kind = _CuttingTokenizer if self.follows_model2vec else Tokenizer
        return kind(self.fast)

    def runner(self) -> StaticRunner:
        """Read the table. Raises CheckpointError if its parts do not agree."""
        unknown = _unknown_id(self.fast) if self.follows_model2vec else None
        table = read_table(self.tensors, self.facts.sizes.vocab_size)
        return StaticRunner(table, unknown=unknown, normalize=self.facts.normalize)


class _CuttingTokenizer(Tokenizer):
    """Cuts a text to the median length of a token for each token of the window, as Model2Vec."""

    def __init__(self, fast: Any) -> None:
        super().__init__(fast)
        lengths = [len(token) for token in fast.get_vocab(with_added_tokens=True)]
        self._token_chars = int(np.median(lengths))

    def encode(self, texts: Sequence[Text], windows: Sequence[int]) -> list[TokenizedText]:
        """Tokenize texts, each cut to its window; see Tokenizer."""
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
