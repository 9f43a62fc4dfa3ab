"""Turn an instruction, a query and a text into the question that Qwen3-Reranker was trained on.

Its template is that of the model card (https://huggingface.co/Qwen/Qwen3-Reranker-0.6B, read
2026-11; Zhang et al. 2025, https://arxiv.org/abs/2506.05176), word for word: without it the scores
mean nothing. Does not know the graph.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from simile.errors import UnsupportedModelError
from simile.models.pairs import WHOLE, Pair, Query
from simile.models.rerank_layout import JUDGE
from simile.models.tokenizer import TokenizedText, Tokenizer

INSTRUCTION = "Given a web search query, retrieve relevant passages that answer the query"
WINDOW = 8192
"""The default window, as in the model card's own code."""
_PREFIX = (
    f"<|im_start|>system\n{JUDGE} provided."
    ' Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n'
)
_DOCUMENT = "\n<Document>: "
_SUFFIX = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"


class TemplateTokenizer:
    """A tokenizer that puts pairs into the template; may be used from several threads."""

    def __init__(self, tokenizer: Tokenizer, fast: Any, *, instruction: str = "") -> None:
        """Take a tokenizer, and the library's own that it was made of."""
        self._tokenizer = tokenizer
        self._instruction = instruction or INSTRUCTION
        self._prefix, self._suffix = (
            np.array(fast.encode(text, add_special_tokens=False).ids, dtype=np.int32)
            for text in (_PREFIX, _SUFFIX)
        )
        self._marker = len(fast.encode(_DOCUMENT, add_special_tokens=False).ids)
        around = len(self._prefix) + len(self._suffix)
        self.special_count = around + tokenizer.special_count

    def query(self, text: str, instruction: str | None = None) -> Query:
        """Put a query into the template, up to where the text goes."""
        head = f"<Instruct>: {instruction or self._instruction}\n<Query>: {text}"
        [ids] = self._tokenizer.bodies([head], [WHOLE])
        return Query(head, tuple(ids))

    def encode(self, pairs: Sequence[Pair], windows: Sequence[int]) -> list[TokenizedText]:
        """Tokenize pairs, each cut to its window (tokens, the template included)."""
        around = len(self._prefix) + len(self._suffix)
        rooms = [window - around for window in windows]
        bodies = self._tokenizer.encode(
            [f"{pair.query.text}{_DOCUMENT}{pair.text}" for pair in pairs], rooms
        )
        return [
            self._join(self._shortened(pair, room) or body)
            for pair, room, body in zip(pairs, rooms, bodies, strict=True)
        ]

    def _shortened(self, pair: Pair, room: int) -> TokenizedText | None:
        """Cut the end of a query that leaves no room for one token of the text."""
        room -= self._tokenizer.special_count
        if len(pair.query.ids) + self._marker < room:
            return None
        [end] = self._tokenizer.bodies([_DOCUMENT + pair.text], [self._marker + 1])
        end = end[: self._marker + 1]
        ids = tuple(pair.query.ids[: max(0, room - len(end))]) + tuple(end)
        [cut] = self._tokenizer.encode([ids], [room + self._tokenizer.special_count])
        return TokenizedText(cut.ids, truncated=True)

    def _join(self, body: TokenizedText) -> TokenizedText:
        return TokenizedText(np.concatenate([self._prefix, body.ids, self._suffix]), body.truncated)


def answer_ids(fast: Any) -> tuple[int, int]:
    """Find the tokens `yes` and `no`. Raises UnsupportedModelError if one is none."""
    yes, no = fast.token_to_id("yes"), fast.token_to_id("no")
    if yes is None or no is None:
        raise UnsupportedModelError(
            "the tokenizer has no tokens `yes` and `no`, between which a reranker of this kind"
            " chooses; an embedding model needs its modules.json"
        )
    return yes, no
