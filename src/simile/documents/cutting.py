"""Cut what is too long: at sentences or lines, then at words, then between characters.

Knows text and sizes; does not know documents. Sentence ends of scripts without spaces:
Unicode UAX 29, Sentence_Break=STerm, the common ones.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence

CountTokens = Callable[[Sequence[str]], Sequence[int]]
"""Tokens of each text, special tokens not counted."""

CHARACTERS_PER_TOKEN = 16
"""A chunk of n tokens has at most 16 n characters. Text has 1 to 6 a token; but WordPiece takes a
word of any length above 100 characters for one token, and a megabyte of base64 with it."""

_BATCH = 512
"""Texts counted in one call: tokenizers hold every encoding of a batch in memory."""

_CLOSERS = "\"'”’»)\\]}」』）】》〉"
_SENTENCE_END = re.compile(
    rf"(?<![.!?…])[.!?…]++[{_CLOSERS}]*+\s++(?=[^a-z])"
    rf"|[。！？｡︒؟۔।॥။។።᙮]+[{_CLOSERS}]*\s*"
)
_NATURAL_END = re.compile(r"\n|[，、；：,;:]\s*|\s")
_JOINERS = {"\u200d", "\ufe0e", "\ufe0f"}


class Piece:
    """A span and its size, in tokens or 1/16 characters, whichever is more."""

    __slots__ = ("block", "end", "size", "start")

    def __init__(self, start: int, end: int, size: int, block: int) -> None:
        self.start = start
        self.end = end
        self.size = size
        self.block = block
        """Index of the block that it lies in."""


def measure(
    text: str, spans: Sequence[tuple[int, int, int]], count: CountTokens, limit: int
) -> list[Piece]:
    """Pieces for (start, end, block); what is too long by characters is not tokenized at all."""
    pieces = [
        Piece(start, end, -(-(end - start) // CHARACTERS_PER_TOKEN), block)
        for start, end, block in spans
    ]
    short = [piece for piece in pieces if piece.size <= limit]
    for first in range(0, len(short), _BATCH):
        batch = short[first : first + _BATCH]
        counts = count([text[piece.start : piece.end] for piece in batch])
        for piece, tokens in zip(batch, counts, strict=True):
            piece.size = max(piece.size, int(tokens))
    return pieces


def sentence_starts(text: str, start: int, end: int) -> Iterator[int]:
    """Where the sentences of the span begin, the first at `start`."""
    yield start
    for match in _SENTENCE_END.finditer(text, start, end):
        if match.end() < end:
            yield match.end()


def line_starts(text: str, start: int, end: int) -> Iterator[int]:
    """Where the lines of the span begin, the first at `start`."""
    while 0 < end - start:
        yield start
        newline = text.find("\n", start, end)
        start = newline + 1 if newline >= 0 else end


def width_starts(text: str, start: int, end: int, parts: int) -> Iterator[int]:
    """Where about `parts` equal parts begin, each moved back to a line, clause or word end.

    It looks back over at most half a part, so that it is linear, and ends between characters
    that belong together (an accent, an emoji with its joiner) only if there is nothing else.
    """
    yield start
    width = max(1, -(-(end - start) // parts))
    while end - start > width:
        goal = start + width
        cut = _natural_cut(text, start + (width + 1) // 2, goal) or _whole_cut(text, start, goal)
        yield cut
        start = cut


def _natural_cut(text: str, low: int, high: int) -> int:
    """The last line end in the range, or else clause or word end; 0 if there is none."""
    newline = text.rfind("\n", low, high)
    if newline >= 0:
        return newline + 1
    last = 0
    for match in _NATURAL_END.finditer(text, low, high):
        last = match.end()
    return last


def _whole_cut(text: str, start: int, goal: int) -> int:
    """The last place up to `goal` that parts no character from its accents or joiners."""
    for cut in range(goal, max(start, goal - 32), -1):
        if not (_is_extending(text[cut]) or text[cut - 1] == "\u200d"):
            return cut
    return goal


def _is_extending(character: str) -> bool:
    return (
        unicodedata.combining(character) != 0
        or character in _JOINERS
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or unicodedata.category(character) == "Mc"
        or character == "\n"
    )
