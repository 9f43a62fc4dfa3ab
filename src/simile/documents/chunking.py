"""Cut a document into chunks along its structure, sized in the model's own tokens.

Chunks are spans, never strings searched for afterwards: `document.text[start:end]` is the chunk.
Default: 400 tokens without overlap, since small chunks without overlap had the best recall in
Chroma's study of 2024. Knows no tokenizer; takes a function that counts tokens.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Literal

from simile.documents.blocks import Block, prose_blocks, with_pages
from simile.documents.code import code_blocks
from simile.documents.headings import room_for_text
from simile.documents.markdown import markdown_blocks
from simile.documents.packing import common_headings, pack
from simile.documents.pieces import CountTokens, Piece, pieces_of
from simile.documents.suffixes import AS_MARKDOWN, CODE, PYTHON
from simile.errors import InputError
from simile.types import Chunk, Document

Kind = Literal["markdown", "python", "code", "prose"]
"""How a text's structure is read."""


_READERS: dict[str, Callable[[str], list[Block]]] = {
    "markdown": markdown_blocks,
    "python": lambda text: code_blocks(text, python=True),
    "code": lambda text: code_blocks(text, python=False),
    "prose": prose_blocks,
}


def kind_of(document: Document) -> Kind:
    """Return the kind that the suffix of the document's id implies; prose by default."""
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
    """Cut a document into chunks, in order, that cover all of its text except blank ends.

    A chunk has at most `max_tokens`, and with its heading path at most `window_tokens` (the
    model's limit minus special tokens). A section below `min_tokens` is joined to a neighbor if it
    fits. With `overlap_tokens`, chunks overlap by whole sentences or lines. `kind` defaults to
    that of the id's suffix. Raises InputError for contradictory sizes.
    """
    require_sizes(max_tokens, min_tokens, overlap_tokens)
    text = document.text
    if not text.strip():
        return []
    blocks = with_pages(_READERS[kind or kind_of(document)](text), document.pages)
    limit = room_for_text(document, blocks, count_tokens, max_tokens, window_tokens)
    overlap = min(overlap_tokens, limit // 2)
    room = limit - overlap
    pieces = pieces_of(text, blocks, count_tokens, limit=room, natural=overlap or room)
    runs = pack(
        text,
        pieces,
        blocks,
        count_tokens,
        limit=room,
        smallest=min(min_tokens, room),
        overlap=overlap,
    )
    return list(_chunks(document, blocks, runs))


def whole(document: Document) -> list[Chunk]:
    """Return the document as one chunk, without blank ends; no chunk if it is blank."""
    if not document.text.strip():
        return []
    start, end = _trimmed(document.text, 0, len(document.text))
    line = 1 + document.text.count("\n", 0, start)
    text = document.text[start:end]
    page = 1 if document.pages else None
    return [Chunk(start, end, text, (), (line, line + text.count("\n")), page)]


def require_sizes(max_tokens: int, min_tokens: int, overlap_tokens: int) -> None:
    """Raise InputError for sizes that contradict each other or are not integers."""
    if not all(isinstance(size, int) for size in (max_tokens, min_tokens, overlap_tokens)):
        got = f"{max_tokens!r}, {min_tokens!r}, {overlap_tokens!r}"
        raise InputError(f"chunk sizes are {got}; expected integers, in tokens")
    if not 0 <= overlap_tokens <= max_tokens // 2 or min_tokens < 0 or max_tokens < 1:
        raise InputError(
            f"max_tokens {max_tokens}, min_tokens {min_tokens}, overlap_tokens {overlap_tokens}: "
            "max_tokens must be at least 1, the others at least 0, the overlap at most half of it"
        )


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
    """Return the span without blank ends; keep the indent of its first line."""
    whole = text[start:end]
    end = start + len(whole.rstrip())
    first = start + len(whole) - len(whole.lstrip())
    line = text.rfind("\n", start, first) + 1
    if line or start == 0:
        return max(line, start), end
    return (start if text[start - 1] == "\n" else first), end
