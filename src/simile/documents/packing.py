"""Blocks to runs of pieces: cut what is too long, join what is too short, fill evenly.

Every text is measured once, and once more where it was cut or where a run came close to the
limit: the cost is linear in the document. Sizes and reasons: docs of `chunking.chunk`.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate, groupby

from simile.documents.blocks import Block
from simile.documents.cutting import (
    CountTokens,
    Piece,
    line_starts,
    measure,
    sentence_starts,
    width_starts,
)


def fit(
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


def runs(
    pieces: Sequence[Piece], blocks: Sequence[Block], *, limit: int, smallest: int
) -> Iterator[list[Piece]]:
    """Runs of consecutive pieces that make one chunk each: at most `limit` by their sum."""
    section = list(accumulate(int(block.opens_section) for block in blocks))
    sections = [list(run) for _, run in groupby(pieces, key=lambda piece: section[piece.block])]
    for group in _join_small(sections, blocks, limit=limit, smallest=smallest):
        yield from _fill_evenly(group, limit)


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


def size_of(pieces: Sequence[Piece]) -> int:
    """The sum of the sizes."""
    return sum(piece.size for piece in pieces)


def _join_small(
    sections: Sequence[list[Piece]], blocks: Sequence[Block], *, limit: int, smallest: int
) -> list[list[Piece]]:
    """Join a section below `smallest` to the next, or to the last where that is nearer kin."""
    groups: list[list[Piece]] = []
    carried: list[Piece] = []
    for at, section in enumerate(sections):
        small = not carried and size_of(section) < smallest
        after = sections[at + 1] if at + 1 < len(sections) else None
        if small and groups and size_of(groups[-1]) + size_of(section) <= limit:
            if after is None or _kin(groups[-1], section, blocks) > _kin(section, after, blocks):
                groups[-1].extend(section)
                continue
        carried.extend(section)
        if size_of(carried) >= smallest:
            groups.append(carried)
            carried = []
    if carried:
        if groups and size_of(groups[-1]) + size_of(carried) <= limit:
            groups[-1].extend(carried)
        else:
            groups.append(carried)
    return groups


def _kin(before: Sequence[Piece], after: Sequence[Piece], blocks: Sequence[Block]) -> int:
    """How many headings the end of one and the beginning of the other share."""
    ours, theirs = blocks[before[-1].block].headings, blocks[after[0].block].headings
    return len(common_headings([ours, theirs]))


def common_headings(paths: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The headings that are above all of them."""
    first, last = min(paths), max(paths)  # What these two share, all between them share.
    for at, heading in enumerate(first):
        if at >= len(last) or heading != last[at]:
            return first[:at]
    return first


def _fill_evenly(group: Sequence[Piece], limit: int) -> Iterator[list[Piece]]:
    """Split a group into runs of about equal size, so that no crumb is left at the end."""
    total = size_of(group)
    target = total / max(1, -(-total // limit))
    run: list[Piece] = []
    size = 0
    for piece in group:
        full = size + piece.size > limit or size + piece.size / 2 > target
        if run and full:
            yield run
            run, size = [], 0
        run.append(piece)
        size += piece.size
    if run:
        yield run
