"""A document to chunks: spans of it, structure first, sized in the model's own tokens.

Chunks are spans, never strings that are looked for afterwards: `document.text[start:end]` is the
chunk. 400 tokens without overlap: small chunks without overlap recalled best in Chroma's study of
2024; overlap is for who asks. Knows no tokenizer: it is handed a function that counts.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Literal

from simile.documents.blocks import Block, prose_blocks, with_pages
from simile.documents.code import code_blocks
from simile.documents.cutting import CountTokens, Piece, measure
from simile.documents.markdown import markdown_blocks
from simile.documents.packing import common_headings, fit, runs, size_of
from simile.documents.suffixes import AS_MARKDOWN, CODE, PYTHON
from simile.errors import InputError
from simile.types import Chunk, Document

Kind = Literal["markdown", "python", "code", "prose"]
"""How the structure of a text is read."""

MAX_PREFIX = 160
"""Characters of heading path before an embedded text; the outermost headings give way."""
MAX_HEADING = 400
"""Characters of a heading, or a title, that stands there alone: the title of a paper is whole."""

_SEPARATOR = " > "
_READERS: dict[str, Callable[[str], list[Block]]] = {
    "markdown": markdown_blocks,
    "python": lambda text: code_blocks(text, python=True),
    "code": lambda text: code_blocks(text, python=False),
    "prose": prose_blocks,
}


def kind_of(document: Document) -> Kind:
    """The kind that the suffix of the document's id tells; prose for all others."""
    suffix = PurePosixPath(document.id).suffix.lower()
    if suffix in AS_MARKDOWN:
        return "markdown"
    if suffix in PYTHON:
        return "python"
    return "code" if suffix in CODE else "prose"


def chunk(
    document: Document,
    *,
    count_tokens: CountTokens,
    max_tokens: int = 400,
    min_tokens: int = 64,
    overlap_tokens: int = 0,
    window_tokens: int | None = None,
    kind: Kind | None = None,
) -> list[Chunk]:
    """Cut a document into chunks, in order, that together hold all of its text but blank ends.

    A chunk has at most `max_tokens`, and with its heading path at most `window_tokens` (the
    model's limit, special tokens deducted). A section below `min_tokens` is joined to a
    neighbor if it fits. Chunks overlap by whole sentences or lines, only if `overlap_tokens`.
    `kind` is by default what the id's suffix tells. InputError: sizes that contradict each other.
    """
    require_sizes(max_tokens, min_tokens, overlap_tokens)
    text = document.text
    if not text.strip():
        return []
    blocks = with_pages(_READERS[kind or kind_of(document)](text), document.pages)
    limit = _limit(document, blocks, count_tokens, max_tokens, window_tokens)
    overlap = min(overlap_tokens, limit // 2)
    room = limit - overlap
    pieces = fit(text, blocks, count_tokens, limit=room, natural=overlap or room)
    packed = list(runs(pieces, blocks, limit=room, smallest=min(min_tokens, room)))
    packed = list(_within(text, packed, count_tokens, room))
    if overlap:
        packed = _overlapping(packed, overlap)
    return list(_chunks(document, blocks, packed))


def whole(document: Document) -> list[Chunk]:
    """The document as one chunk, without blank ends; none if it is blank."""
    if not document.text.strip():
        return []
    start, end = _trimmed(document.text, 0, len(document.text))
    line = 1 + document.text.count("\n", 0, start)
    text = document.text[start:end]
    page = 1 if document.pages else None
    return [Chunk(start, end, text, (), (line, line + text.count("\n")), page)]


def require_sizes(max_tokens: int, min_tokens: int, overlap_tokens: int) -> None:
    """InputError for sizes that contradict each other, or are no whole numbers."""
    if not all(isinstance(size, int) for size in (max_tokens, min_tokens, overlap_tokens)):
        got = f"{max_tokens!r}, {min_tokens!r}, {overlap_tokens!r}"
        raise InputError(f"sizes of chunks are {got}; expected whole numbers of tokens")
    if not 0 <= overlap_tokens <= max_tokens // 2 or min_tokens < 0 or max_tokens < 1:
        raise InputError(
            f"max_tokens {max_tokens}, min_tokens {min_tokens}, overlap_tokens {overlap_tokens}: "
            "max_tokens must be at least 1, the others at least 0, the overlap at most half"
        )


def embedded_text(title: str | None, chunk: Chunk) -> str:
    """What is embedded for a chunk: its heading path on a line of its own, then its text.

    The path begins with the document's title; what the chunk itself begins with is not said twice.
    """
    prefix = _prefix(title, chunk.headings, chunk.text)
    return f"{prefix}\n{chunk.text}" if prefix else chunk.text


def _prefix(title: str | None, headings: Sequence[str], text: str) -> str:
    path = list(headings)
    if title and title.strip() and title.strip() not in path[:1]:
        path.insert(0, title.strip())
    if path and text.lstrip("# \t\r\n").startswith(path[-1]):
        path.pop()
    path = [" ".join(heading.split()) for heading in path]
    while len(path) > 1 and len(_SEPARATOR.join(path)) > MAX_PREFIX:
        path.pop(0)
    return _SEPARATOR.join(path)[:MAX_HEADING].strip()


def _limit(
    document: Document,
    blocks: Sequence[Block],
    count: CountTokens,
    max_tokens: int,
    window: int | None,
) -> int:
    """`max_tokens`, or what the longest heading path leaves of the window if that is less."""
    if window is None:
        return max_tokens
    paths = {block.headings for block in blocks}
    prefixes = sorted({_prefix(document.title, path, "") for path in paths} - {""})
    longest = max(count([f"{prefix}\n" for prefix in prefixes]), default=0)
    return min(max_tokens, max(1, window - int(longest)))


def _within(
    text: str, packed: Sequence[list[Piece]], count: CountTokens, limit: int
) -> Iterator[list[Piece]]:
    """The runs, those halved whose text has more tokens than its pieces had.

    Across the seam of two pieces a tokenizer may need a token more; only runs near the limit
    are counted again.
    """
    todo = list(reversed(packed))
    near = [run for run in packed if len(run) > 1 and size_of(run) + len(run) > limit]
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
    """Each run, preceded by the last pieces of the run before, as many as the overlap holds."""
    result = list(packed[:1])
    for before, run in zip(packed, packed[1:], strict=False):
        taken, size = len(before), 0
        while taken > 1 and size + before[taken - 1].size <= overlap:
            taken -= 1
            size += before[taken].size
        result.append([*before[taken:], *run])
    return result


def _chunks(
    document: Document, blocks: Sequence[Block], packed: Sequence[list[Piece]]
) -> Iterator[Chunk]:
    text, seen, line = document.text, 0, 1
    for run in packed:
        start, end = _trimmed(text, run[0].start, run[-1].end)
        line += text.count("\n", seen, start) if start >= seen else -text.count("\n", start, seen)
        seen = start
        yield Chunk(
            start=start,
            end=end,
            text=text[start:end],
            headings=common_headings([blocks[piece.block].headings for piece in run]),
            lines=(line, line + text.count("\n", start, end)),
            page=max(1, bisect_right(document.pages, start)) if document.pages else None,
        )


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without blank ends; the indent of its first line stays."""
    whole = text[start:end]
    end = start + len(whole.rstrip())
    first = start + len(whole) - len(whole.lstrip())
    line = text.rfind("\n", start, first) + 1
    if line or start == 0:
        return max(line, start), end
    return (start if text[start - 1] == "\n" else first), end
