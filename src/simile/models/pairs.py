"""Turn a query and a text into the token ids of one input, as a cross-encoder reads them.

The special tokens around and between them are those of the tokenizer's own post-processor, as it
puts them around a pair. Only the text is cut to the window, and the query only where it leaves no
room for one token of the text. Does not know the engine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simile.errors import CheckpointError
from simile.models.tokenizer import TokenizedText, Tokenizer

WHOLE = 1 << 30
"""A room that holds any query."""


@dataclass(frozen=True, eq=False, slots=True)
class Query:
    """A query that was tokenized once, for all texts that are judged by it."""

    text: str
    ids: tuple[int, ...]
    """Without special tokens."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A query and a text to be judged by it."""

    query: Query
    text: str

    def __len__(self) -> int:
        """Characters of the text: what there is to tokenize."""
        return len(self.text)


class PairTokenizer:
    """A checkpoint's tokenizer for pairs; may be used from several threads."""

    def __init__(self, tokenizer: Tokenizer, fast: Any, *, types: bool) -> None:
        """Take a tokenizer, and the library's own that it was made of.

        `types` is whether texts come with the types of their tokens. CheckpointError for one that
        loses a part of a pair.
        """
        self._tokenizer = tokenizer
        self._has_types = types
        self._before, self._between, self._after, self._text_type = _specials(fast)
        self.special_count = len(self._before.ids) + len(self._between.ids) + len(self._after.ids)

    def query(self, text: str, instruction: str | None = None) -> Query:
        """Tokenize a query; it has no instruction, which is for models with a template."""
        [ids] = self._tokenizer.bodies([text], [WHOLE])
        return Query(text, tuple(ids))

    def encode(self, pairs: Sequence[Pair], windows: Sequence[int]) -> list[TokenizedText]:
        """Tokenize pairs, each cut to its window (tokens, specials included).

        Every window must be larger than special_count.
        """
        rooms = [
            max(1, window - self.special_count - len(pair.query.ids))
            for pair, window in zip(pairs, windows, strict=True)
        ]
        bodies = self._tokenizer.bodies([pair.text for pair in pairs], rooms)
        rows = zip(pairs, windows, rooms, bodies, strict=True)
        return [self._join(pair.query, window, room, body) for pair, window, room, body in rows]

    def _join(self, query: Query, window: int, room: int, body: Sequence[int]) -> TokenizedText:
        text = body[:room]
        asked = query.ids[: window - self.special_count - len(text)]
        before, between, after = self._before, self._between, self._after
        ids = [*before.ids, *asked, *between.ids, *text, *after.ids]
        first, second = [0] * len(asked), [self._text_type] * len(text)
        types = [*before.types, *first, *between.types, *second, *after.types]
        return TokenizedText(
            np.array(ids, dtype=np.int32),
            len(body) > room or len(asked) < len(query.ids),
            np.array(types, dtype=np.int32) if self._has_types else None,
        )


@dataclass(frozen=True)
class _Specials:
    """Special tokens that stand together in a pair, and the types that the tokenizer gives them."""

    ids: list[int]
    types: list[int]


def _specials(fast: Any) -> tuple[_Specials, _Specials, _Specials, int]:
    """Find those before, between and after the parts of a pair, and the type of its second part."""
    pair = fast.encode("a", "a", add_special_tokens=True)
    parts = list(pair.sequence_ids)
    if 0 not in parts or 1 not in parts:
        raise CheckpointError("the tokenizer loses a part of a pair; it cannot serve a reranker")
    last, first = len(parts) - 1 - parts[::-1].index(0), parts.index(1)
    places = (
        slice(parts.index(0)),
        slice(last + 1, first),
        slice(len(parts) - parts[::-1].index(1), None),
    )
    before, between, after = (_Specials(pair.ids[place], pair.type_ids[place]) for place in places)
    return before, between, after, pair.type_ids[first]
