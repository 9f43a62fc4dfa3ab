"""Group pieces into runs, one per chunk: join small sections, fill evenly, overlap.

`chunking.chunk` documents the sizes and their reasons.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate, groupby, pairwise

from simile.documents.blocks import Block
from simile.documents.pieces import CountTokens, Piece, measure


def pack(
    text: str,
    pieces: Sequence[Piece],
    blocks: Sequence[Block],
    count: CountTokens,
    *,
    limit: int,
    smallest: int,
    overlap: int,
) -> list[list[Piece]]:
    """Make runs of consecutive pieces, each of at most `limit` tokens before the overlap.

    A section below `smallest` is joined to a neighbor if it fits.
    """
    section = list(accumulate(int(block.opens_section) for block in blocks))
    sections = [list(run) for _, run in groupby(pieces, key=lambda piece: section[piece.block])]
    groups = _join_small(sections, blocks, limit=limit, smallest=smallest)
    runs = [run for group in groups for run in _fill_evenly(group, limit)]
    runs = list(_within(text, runs, count, limit))
    return _overlapping(runs, overlap) if overlap else runs


def _size_of(pieces: Sequence[Piece]) -> int:
    """Return the sum of the sizes."""
    return sum(piece.size for piece in pieces)


def _join_small(
    sections: Sequence[list[Piece]], blocks: Sequence[Block], *, limit: int, smallest: int
) -> list[list[Piece]]:
    """Join a section below `smallest` to the next, or the previous if it shares more headings."""
    groups: list[list[Piece]] = []
    carried: list[Piece] = []
    for at, section in enumerate(sections):
        small = not carried and _size_of(section) < smallest
        after = sections[at + 1] if at + 1 < len(sections) else None
        fits = small and groups and _size_of(groups[-1]) + _size_of(section) <= limit
        if fits and (
            after is None or _kin(groups[-1], section, blocks) > _kin(section, after, blocks)
        ):
            groups[-1].extend(section)
            continue
        carried.extend(section)
        if _size_of(carried) >= smallest:
            groups.append(carried)
            carried = []
    if carried:
        if groups and _size_of(groups[-1]) + _size_of(carried) <= limit:
            groups[-1].extend(carried)
        else:
            groups.append(carried)
    return groups


def _kin(before: Sequence[Piece], after: Sequence[Piece], blocks: Sequence[Block]) -> int:
    """Return how many headings the end of one and the beginning of the other share."""
    ours, theirs = blocks[before[-1].block].headings, blocks[after[0].block].headings
    return len(common_headings([ours, theirs]))


def common_headings(paths: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the headings that all paths share."""
    first, last = min(paths), max(paths)  # whatever these share, all paths in between share
    for at, heading in enumerate(first):
        if at >= len(last) or heading != last[at]:
            return first[:at]
    return first


def _fill_evenly(group: Sequence[Piece], limit: int) -> Iterator[list[Piece]]:
    """Split a group into runs of about equal size, so that no tiny one is left at the end."""
    total = _size_of(group)
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


def _within(
    text: str, packed: Sequence[list[Piece]], count: CountTokens, limit: int
) -> Iterator[list[Piece]]:
    """Return the runs, halving those whose text has more tokens than the limit.

    Where two pieces meet, a tokenizer may need an extra token; only runs near the limit are
    counted again.
    """
    todo = list(reversed(packed))
    near = [run for run in packed if len(run) > 1 and _size_of(run) + len(run) > limit]
    spans = [(run[0].start, run[-1].end, 0) for run in near]
    tokens = {piece.start: piece.size for piece in measure(text, spans, count, 2 * limit)}
    while todo:
        run = todo.pop()
        if len(run) > 1 and tokens.pop(run[0].start, 0) > limit:
            middle = len(run) // 2
            todo += [run[middle:], run[:middle]]
        else:
            yield run


def _overlapping(packed: Sequence[list[Piece]], overlap: int) -> list[list[Piece]]:
    """Prepend to each run the last pieces of the previous one, as many as fit the overlap."""
    result = list(packed[:1])
    for before, run in pairwise(packed):
        taken, size = len(before), 0
        while taken > 1 and size + before[taken - 1].size <= overlap:
            taken -= 1
            size += before[taken].size
        result.append([*before[taken:], *run])
    return result
