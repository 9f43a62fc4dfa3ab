"""Prefix a chunk's text for embedding with the document's title and the headings above it."""

from collections.abc import Sequence

from simile.documents.blocks import Block
from simile.documents.pieces import CountTokens
from simile.types import Chunk, Document

MAX_PREFIX = 160
"""Most characters of the prefix; the outermost headings are dropped first."""
MAX_HEADING = 400
"""Most characters of a single heading or title; enough for the title of a paper."""
_SEPARATOR = " > "


def embedded_text(title: str | None, chunk: Chunk) -> str:
    """Return the text to embed for a chunk: its heading path on a separate line, then its text.

    The path begins with the document's title, and omits a heading that the chunk begins with.
    """
    prefix = _prefix(title, chunk.headings, chunk.text)
    return f"{prefix}\n{chunk.text}" if prefix else chunk.text


def room_for_text(
    document: Document,
    blocks: Sequence[Block],
    count: CountTokens,
    max_tokens: int,
    window: int | None,
) -> int:
    """Return `max_tokens`, or what the longest heading path leaves of the window, if less."""
    if window is None:
        return max_tokens
    paths = {block.headings for block in blocks}
    prefixes = sorted({_prefix(document.title, path, "") for path in paths} - {""})
    longest = max(count([f"{prefix}\n" for prefix in prefixes]), default=0)
    return min(max_tokens, max(1, window - int(longest)))


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
