"""The output of structure readers: where the blocks of a text begin, and under which headings.

Blocks tile the text: each extends to the start of the next. So no text is lost and every span is
valid, whatever a reader takes for structure.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_BLANK_LINES = re.compile(r"\n[ \t\r\f\v]*\n\s*")
_FULL_LINE = re.compile(r"[^\n]*\n?")


class Block(NamedTuple):
    """The beginning of a paragraph, a fence, a table, a definition."""

    start: int
    headings: tuple[str, ...] = ()
    by_lines: bool = False
    """If too long, it is cut at lines (code, tables, lists) rather than at sentences."""
    opens_section: bool = False
    """Its heading path, page or definition differs from that of the previous block."""


class Line(NamedTuple):
    """A line with its position; `text` excludes the line end."""

    start: int
    end: int
    """Offset just past the line end."""
    text: str


def lines_of(text: str) -> Iterator[Line]:
    """Yield every line; as in editors and grep, only LF ends one (a CR before it is stripped)."""
    for match in _FULL_LINE.finditer(text):
        if match.end() > match.start():
            yield Line(match.start(), match.end(), match.group().rstrip("\r\n"))


def prose_blocks(text: str) -> list[Block]:
    """Return paragraphs, separated by blank lines; the first includes leading whitespace."""
    starts = [0, *(match.end() for match in _BLANK_LINES.finditer(text))]
    return [Block(start) for start in _indented(text, starts)]


def with_pages(blocks: list[Block], pages: Iterable[int]) -> list[Block]:
    """Return the blocks, with a section opened where each page begins."""
    page_starts = set(pages)
    if not page_starts:
        return blocks
    by_start = {block.start: block for block in blocks}
    result = []
    last = Block(0)
    for start in sorted(page_starts | set(by_start)):
        last = by_start.get(start, last._replace(start=start, opens_section=False))
        result.append(last._replace(opens_section=True) if start in page_starts else last)
    return result


def _indented(text: str, starts: Iterable[int]) -> Iterator[int]:
    """Move each start back to the beginning of its line, to keep its indent."""
    for start in starts:
        yield text.rfind("\n", 0, start) + 1
