"""Turn texts into token ids, cut to a window with the special tokens kept.

The tokens are those of the checkpoint's own tokenizer (the tokenizers library); does not know the
engine. A text that is far longer than its window is tokenized only as far as the window needs.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simile.errors import InputError
from simile.models.panics import panics_told
from simile.models.word_ends import end_of_word
from simile.texts import without_surrogates

TokenIds = NDArray[np.int32]
Text = str | tuple[int, ...]
"""A text, or the token ids of one that its caller has tokenized."""

_ALONE_CHARS = 512
"""One text of so few is tokenized in this thread: the library's own would be woken for it, and spin
on their cores. A longer one would hold up Python's other threads."""
_HEAD_CHARS_PER_TOKEN = 16
"""A text longer than this times its window is first tried by its head alone."""
_LONG_RUN_CHARS = 1000
_LONG_RUN = re.compile(r"[0-9A-Za-z\u00C0-\u024F\u0370-\u052F]{1000,}|\s{1000,}")
"""Letters that make one word, or blanks. To BERT's tokenizer a word of over 100 characters is
unknown and blanks are nothing, however many: ten megabytes of them need not be read."""
PART_CHARS = 8192
"""Of a long text, tokenized at a time: some milliseconds, in which nobody else is answered."""
_AMPLE_HEAD_CHARS = 2**18
"""From here on a word need not end: two heads that agree on all tokens of the window will do."""
_COUNTED_PARTS = 256
"""Texts or parts of texts tokenized at a time where they are only counted."""


@dataclass(frozen=True, slots=True)
class TokenizedText:
    """One text as the model reads it."""

    ids: TokenIds
    """int32 (tokens,), special tokens included."""
    truncated: bool
    """Whether tokens were cut from the end."""
    types: TokenIds | None = None
    """int32 (tokens,): 0 in a pair's first text, 1 in its second; None where the model is not told
    them."""


@dataclass(frozen=True, slots=True)
class TokenPiece:
    """One token of a text, and where in the text it stands."""

    id: int
    text: str
    span: tuple[int, int] | None
    """First character and that behind the last; None for a special token, which is not in it."""


class Tokenizer:
    """A checkpoint's tokenizer; may be used from several threads."""

    def __init__(self, fast: Any, *, lowercase: bool = False, part_chars: int = PART_CHARS) -> None:
        """Take the library's tokenizer, as a checkpoint gives it, and let it lower-case texts.

        Not its special tokens: as sentence-transformers does in version 6.
        """
        self._fast = fast
        self._part_chars = part_chars
        added = [token.content for token in fast.get_added_tokens_decoder().values()]
        self._longest_added = max(map(len, added), default=0) + 1
        self._finds_added = all(name.isascii() for name in added)
        if lowercase:
            _lower_case_first(fast)
        self._is_word_piece = type(self._fast.model).__name__ == "WordPiece"
        self._before, self._after = _special_ids(self._fast)
        ids = self._fast.get_vocab(with_added_tokens=True).values()
        self.vocab_size: int = max(ids, default=-1) + 1

    def tokens(self) -> list[str]:
        """Return the vocabulary in the order of the ids; empty where an id has no token."""
        pieces = [""] * self.vocab_size
        for piece, number in self._fast.get_vocab(with_added_tokens=True).items():
            pieces[number] = piece
        return pieces

    @panics_told
    def pieces(self, text: str, *, special_tokens: bool = True) -> list[TokenPiece]:
        """Split a whole text into tokens, with where each stands; as it is written in the text."""
        clean = without_surrogates(text)
        encoding = self._fast.encode(clean, add_special_tokens=special_tokens)
        rows = zip(
            encoding.ids,
            encoding.tokens,
            encoding.special_tokens_mask,
            encoding.offsets,
            strict=True,
        )
        return [
            TokenPiece(number, token, None)
            if special
            else TokenPiece(number, clean[slice(*span)], span)
            for number, token, special, span in rows
        ]

    @property
    def special_count(self) -> int:
        """Tokens added to each text."""
        return len(self._before) + len(self._after)

    def encode(self, texts: Sequence[Text], windows: Sequence[int]) -> list[TokenizedText]:
        """Tokenize texts, each cut to its window (tokens, specials included).

        A text may also come as token ids that check_ids has passed: only cut, and given the special
        tokens that it lacks. Every window must be larger than special_count.
        """
        rooms = [window - self.special_count for window in windows]
        bodies = self.bodies(texts, rooms)
        return [self._cut(body, room) for body, room in zip(bodies, rooms, strict=True)]

    @panics_told
    def bodies(self, texts: Sequence[Text], rooms: Sequence[int]) -> list[Sequence[int]]:
        """Tokenize texts without special tokens: each whole, or more of it than its room."""
        bodies: list[Sequence[int] | None] = [
            self._body_at_once(text, room) for text, room in zip(texts, rooms, strict=True)
        ]
        rest = [place for place, body in enumerate(bodies) if body is None]
        clean = [without_surrogates(str(texts[place])) for place in rest]
        if len(clean) == 1 and len(clean[0]) <= _ALONE_CHARS:
            encodings = [self._fast.encode(clean[0], add_special_tokens=False)]
        else:
            encodings = self._fast.encode_batch_fast(clean, add_special_tokens=False)
        for place, encoding in zip(rest, encodings, strict=True):
            bodies[place] = encoding.ids
        return [body or () for body in bodies]

    @panics_told
    def count(self, texts: Sequence[str], *, part_chars: int = 50_000) -> NDArray[np.int32]:
        """Count the tokens of each whole text, int32 (n,), special tokens left out.

        In parallel, and over any length: a long text is counted in parts of so many characters.
        """
        counts = np.zeros(len(texts), dtype=np.int32)
        parts = (
            (place, part)
            for place, text in enumerate(texts)
            for part in self._parts(without_surrogates(text), part_chars)
        )
        while some := list(islice(parts, _COUNTED_PARTS)):
            encodings = self._fast.encode_batch_fast(
                [part for _, part in some], add_special_tokens=False
            )
            for (place, _), encoding in zip(some, encodings, strict=True):
                counts[place] += len(encoding)
        return counts

    def _parts(self, text: str, chars: int) -> list[str]:
        """Cut a long text before blanks, across which no token of BERT's tokenizer reaches."""
        if len(text) <= chars or not self._is_word_piece:
            return [text]
        text = _LONG_RUN.sub(lambda run: run[0][:_LONG_RUN_CHARS], text)
        return re.findall(rf"(?s:.{{1,{chars}}})[^ \n]*", text)

    def check_ids(self, ids: Sequence[int]) -> None:
        """Raise InputError for an id that is not in the vocabulary."""
        if not ids or (min(ids) >= 0 and max(ids) < self.vocab_size):
            return
        bad = next(token for token in ids if not 0 <= token < self.vocab_size)
        raise InputError(f"token id {bad} is unknown; expected 0 to {self.vocab_size - 1}")

    def _body_at_once(self, text: Text, room: int) -> Sequence[int] | None:
        """Return the ids of a text that need not go through the batch."""
        if not isinstance(text, str):
            return self._without_specials(text)
        if len(text) > _HEAD_CHARS_PER_TOKEN * room:
            return self._encode_head(without_surrogates(text), room)
        return None

    def _cut(self, body: Sequence[int], room: int) -> TokenizedText:
        ids = [*self._before, *body[:room], *self._after]
        return TokenizedText(np.array(ids, dtype=np.int32), len(body) > room)

    def _without_specials(self, body: Sequence[int]) -> Sequence[int]:
        ids = list(body)
        if self._before and ids[: len(self._before)] == self._before:
            ids = ids[len(self._before) :]
        if self._after and ids[-len(self._after) :] == self._after:
            ids = ids[: -len(self._after)]
        return ids

    def _encode_head(self, text: str, room: int) -> Sequence[int]:
        """Tokenize as much of a long text as fills the room.

        The tokens of a word are final once another word follows it, so a head is enough if the
        first token past the room belongs to a word before the head's last. Of a word without an
        end, two heads must agree. Raises InputError where they never do.
        """
        chars = _HEAD_CHARS_PER_TOKEN * room
        if self._is_word_piece and chars > self._part_chars:
            return self._encode_in_parts(text, room)
        ample = max(_AMPLE_HEAD_CHARS, 2 * chars)
        before: list[int] = []
        while chars < len(text):
            encoding = self._fast.encode(text[:chars], add_special_tokens=False)
            words, ids = encoding.word_ids, list(encoding.ids)
            if len(ids) > room:
                is_final = words[room] is not None and words[room] != words[-1]
                if is_final or (chars >= ample and before == ids[: room + 1]):
                    return ids[: room + 1]
            if self._is_word_piece:
                return self._encode_in_parts(text, room)
            if chars >= 4 * ample:
                raise InputError(
                    f"the first {chars:,} characters of a text have no end of a word within the"
                    f" {room} tokens that the model reads; send it with spaces, or a shorter one"
                )
            before = ids[: room + 1] if chars >= ample else []
            chars = 2 * chars if chars >= ample else min(4 * chars, ample)
        return list(self._fast.encode(text, add_special_tokens=False).ids)

    def _encode_in_parts(self, text: str, room: int) -> Sequence[int]:
        """Tokenize a long text part by part until the room is full, as BERT's tokenizer reads it.

        A word that a part cuts is read again with the next part. One of too many characters is
        unknown however it goes on, so its head stands for it.
        """
        ids: list[int] = []
        at, open_word = 0, ""
        while at < len(text) and len(ids) <= room:
            part = open_word + text[at : at + max(self._part_chars, len(open_word))]
            at += len(part) - len(open_word)
            part = _LONG_RUN.sub(lambda run: run[0][:_LONG_RUN_CHARS], part)
            encoding = self._fast.encode(part, add_special_tokens=False)
            words, spans = encoding.word_ids, encoding.offsets
            if at >= len(text):
                return [*ids, *encoding.ids]
            # An added token may reach from here into the next part.
            whole_chars = len(part) - self._longest_added
            last = next((n for n in reversed(range(len(words))) if spans[n][0] < whole_chars), -1)
            if last < 0:
                open_word = part[-self._longest_added :] if not words else part
                continue
            first = words.index(words[last])
            ids += encoding.ids[:first]
            open_word = part[spans[first][0] :]
            if words[first] == words[-1] and self._is_unknown_for_good(open_word):
                open_word = open_word[:_LONG_RUN_CHARS]
                at = end_of_word(text, at)
        if open_word and len(ids) <= room:
            ids += self._fast.encode(open_word, add_special_tokens=False).ids
        return ids

    def _is_unknown_for_good(self, word: str) -> bool:
        """Whether the word's head has more characters than the model reads of any word."""
        if len(word) <= _LONG_RUN_CHARS or not self._finds_added:
            return False
        head = word[:_LONG_RUN_CHARS]
        normalizer = self._fast.normalizer
        read = normalizer.normalize_str(head) if normalizer else head
        return len(read) > int(self._fast.model.max_input_chars_per_word)


def _lower_case_first(fast: Any) -> None:
    from tokenizers import normalizers

    own = [fast.normalizer] if fast.normalizer else []
    fast.normalizer = normalizers.Sequence([normalizers.Lowercase(), *own])


def _special_ids(fast: Any) -> tuple[list[int], list[int]]:
    """Find the ids that the tokenizer puts before and after a text."""
    bare = fast.encode("a", add_special_tokens=False).ids
    full = fast.encode("a", add_special_tokens=True).ids
    start = next(i for i in range(len(full) + 1) if full[i : i + len(bare)] == bare)
    return full[:start], full[start + len(bare) :]
