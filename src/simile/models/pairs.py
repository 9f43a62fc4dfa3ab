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
    """A query that was tokenised once, for all texts that are judged by it."""

    text: str
    ids: tuple[int, ...]
    """Without special tokens."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A query and a text to be judged by it."""

    query: Query
    text: str

    def __len__(self) -> int:
        """Characters of the text: what there is to tokenise."""
        return len(self.text)


class PairTokenizer:
    """A checkpoint's tokenizer for pairs; may be used from several threads."""

    def __init__(self, tokenizer: Tokenizer, fast: Any, *, types: bool) -> None:
        """Take a tokenizer, and the library's own that it was made of.

        With `types`, tokens of a pair's second part are given as their complement (~id), so that
        a batch carries both; see `separate`. CheckpointError for one that keeps no pair apart.
        """
        self._tokenizer = tokenizer
        self._before, self._between, self._after, self._complement = _special_ids(fast, types)
        self.special_count = len(self._before) + len(self._between) + len(self._after)

    def query(self, text: str, instruction: str | None = None) -> Query:
        """Tokenise a query; it has no instruction, which is for models with a template."""
        [ids] = self._tokenizer.bodies([text], [WHOLE])
        return Query(text, tuple(ids))

    def encode(self, pairs: Sequence[Pair], windows: Sequence[int]) -> list[TokenizedText]:
        """Tokenise pairs, each cut to its window (tokens, specials included).

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
        text = np.array(body[:room], dtype=np.int32)
        asked = query.ids[: window - self.special_count - len(text)]
        ids = np.concatenate(
            [
                np.array([*self._before, *asked, *self._between], dtype=np.int32),
                ~text if self._complement else text,
                np.array(self._after, dtype=np.int32),
            ]
        )
        return TokenizedText(ids, len(body) > room or len(asked) < len(query.ids))


def _special_ids(fast: Any, types: bool) -> tuple[list[int], list[int], list[int], bool]:
    """Find the ids before, between and after the parts of a pair; ids of type 1 as complements.

    Types only where they are asked for; the last says whether the second part has type 1.
    """
    pair = fast.encode("a", "a", add_special_tokens=True)
    ids = [~id if types and kind else id for id, kind in zip(pair.ids, pair.type_ids, strict=True)]
    parts = list(pair.sequence_ids)
    if 0 not in parts or 1 not in parts:
        raise CheckpointError("the tokenizer loses a part of a pair; it cannot serve a reranker")
    last, first = len(parts) - 1 - parts[::-1].index(0), parts.index(1)
    end = len(parts) - parts[::-1].index(1)
    return ids[: parts.index(0)], ids[last + 1 : first], ids[end:], ids[first] < 0
