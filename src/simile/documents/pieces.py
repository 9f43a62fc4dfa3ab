"""Split blocks into pieces: spans of limited size, cut where it is most natural.

Each text is measured once, and once more if it is cut: the cost is linear in the document.
Knows no tokenizer; takes a function that counts tokens.
"""

from collections.abc import Callable, Sequence

from simile.documents.blocks import Block
from simile.documents.cutting import line_starts, sentence_starts, width_starts

CountTokens = Callable[[Sequence[str]], Sequence[int]]
"""Counts the tokens of each text, without special tokens."""

CHARACTERS_PER_TOKEN = 16
"""A chunk of n tokens has at most 16 n characters. Text has 1 to 6 per token, but WordPiece counts
any word above 100 characters as one token, even a megabyte of base64."""

_BATCH = 512
"""Texts counted per call: tokenizers keep all encodings of a batch in memory."""


class Piece:
    """A span and its size: its tokens, or 1/16 of its characters if that is more."""

    __slots__ = ("block", "end", "size", "start")

    def __init__(self, start: int, end: int, size: int, block: int) -> None:
        self.start = start
        self.end = end
        self.size = size
        self.block = block
        """Index of the block that contains it."""


def pieces_of(
    text: str, blocks: Sequence[Block], count: CountTokens, *, limit: int, natural: int
) -> list[Piece]:
    """Return pieces of at most `limit`; cut blocks larger than `natural` at sentences or lines.

    Drops blank pieces. Keeps a single character even if it is larger than the limit.
    """
    ends = [*(block.start for block in blocks[1:]), len(text)]
    spans = [
        (block.start, end, at) for at, (block, end) in enumerate(zip(blocks, ends, strict=True))
    ]
    pieces = measure(text, spans, count, limit)
    over = [piece for piece in pieces if piece.size > natural]
    pieces = _replace(text, pieces, over, _natural_spans(text, blocks, over), count, limit)
    while over := [piece for piece in pieces if piece.size > limit and piece.end - piece.start > 1]:
        pieces = _replace(text, pieces, over, _width_spans(text, over, limit), count, limit)
    return [piece for piece in pieces if text[piece.start : piece.end].strip()]


def measure(
    text: str, spans: Sequence[tuple[int, int, int]], count: CountTokens, limit: int
) -> list[Piece]:
    """Return pieces for (start, end, block); spans with too many characters are not tokenized."""
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


def _replace(
    text: str,
    pieces: Sequence[Piece],
    over: Sequence[Piece],
    spans: Sequence[tuple[int, int, int]],
    count: CountTokens,
    limit: int,
) -> list[Piece]:
    """Return the pieces, replacing oversized ones by measured pieces of the spans."""
    if not over:
        return list(pieces)
    gone = {piece.start for piece in over}
    kept = [piece for piece in pieces if piece.start not in gone]
    return sorted([*kept, *measure(text, spans, count, limit)], key=lambda piece: piece.start)


def _natural_spans(
    text: str, blocks: Sequence[Block], over: Sequence[Piece]
) -> list[tuple[int, int, int]]:
    spans = []
    for piece in over:
        cut = line_starts if blocks[piece.block].by_lines else sentence_starts
        spans += _spans(list(cut(text, piece.start, piece.end)), piece)
    return spans


def _width_spans(text: str, over: Sequence[Piece], limit: int) -> list[tuple[int, int, int]]:
    """Return a quarter more parts than needed, since each part's tokens are unknown beforehand."""
    spans = []
    for piece in over:
        parts = max(2, -(-piece.size * 5 // (limit * 4)))
        spans += _spans(list(width_starts(text, piece.start, piece.end, parts)), piece)
    return spans


def _spans(starts: Sequence[int], piece: Piece) -> list[tuple[int, int, int]]:
    ends = [*starts[1:], piece.end]
    return [(start, end, piece.block) for start, end in zip(starts, ends, strict=True)]
