"""Blocks to pieces: spans of at most a number of tokens, cut where it is most natural.

Every text is measured once, and once more where it was cut: the cost is linear in the document.
Knows no tokenizer: it is handed a function that counts.
"""

from collections.abc import Callable, Sequence

from simile.documents.blocks import Block
from simile.documents.cutting import line_starts, sentence_starts, width_starts

CountTokens = Callable[[Sequence[str]], Sequence[int]]
"""Tokens of each text, special tokens not counted."""

CHARACTERS_PER_TOKEN = 16
"""A chunk of n tokens has at most 16 n characters. Text has 1 to 6 a token; but WordPiece takes a
word of any length above 100 characters for one token, and a megabyte of base64 with it."""

_BATCH = 512
"""Texts counted in one call: tokenizers hold every encoding of a batch in memory."""


class Piece:
    """A span and its size, in tokens or 1/16 characters, whichever is more."""

    __slots__ = ("block", "end", "size", "start")

    def __init__(self, start: int, end: int, size: int, block: int) -> None:
        self.start = start
        self.end = end
        self.size = size
        self.block = block
        """Index of the block that it lies in."""


def pieces_of(
    text: str, blocks: Sequence[Block], count: CountTokens, *, limit: int, natural: int
) -> list[Piece]:
    """Pieces of at most `limit`, in order; blocks larger than `natural` at sentences or lines.

    Blank pieces are dropped. One character that is itself larger than the limit stays.
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


def _replace(
    text: str,
    pieces: Sequence[Piece],
    over: Sequence[Piece],
    spans: Sequence[tuple[int, int, int]],
    count: CountTokens,
    limit: int,
) -> list[Piece]:
    """The pieces, with those that are over replaced by measured pieces of the spans."""
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
    """About a quarter more parts than would do, since a part's tokens are not known before."""
    spans = []
    for piece in over:
        parts = max(2, -(-piece.size * 5 // (limit * 4)))
        spans += _spans(list(width_starts(text, piece.start, piece.end, parts)), piece)
    return spans


def _spans(starts: Sequence[int], piece: Piece) -> list[tuple[int, int, int]]:
    ends = [*starts[1:], piece.end]
    return [(start, end, piece.block) for start, end in zip(starts, ends, strict=True)]
