"""What a structure reader hands on: where the blocks of a text begin, and under which headings.

Blocks tile the text: each reaches to the start of the next. So nothing can be lost between them,
and no span can be wrong, whatever a reader takes for structure.
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
    """Too long, it is cut at lines (code, tables, lists) and not at sentences."""
    opens_section: bool = False
    """Its heading path, page or definition is another than that of the block before."""


class Line(NamedTuple):
    """A line with its place; `text` is without the line end."""

    start: int
    end: int
    """Behind the line end."""
    text: str


def lines_of(text: str) -> Iterator[Line]:
    """Every line; only LF ends one (CR before it is stripped), as editors and grep count them."""
    for match in _FULL_LINE.finditer(text):
        if match.end() > match.start():
            yield Line(match.start(), match.end(), match.group().rstrip("\r\n"))


def prose_blocks(text: str) -> list[Block]:
    """Paragraphs: what blank lines part. Blank space before the first belongs to it."""
    starts = [0, *(match.end() for match in _BLANK_LINES.finditer(text))]
    return [Block(start) for start in _indented(text, starts)]


def with_pages(blocks: list[Block], pages: Iterable[int]) -> list[Block]:
    """The blocks, with a section opened where each page begins."""
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
    """Move each start back to the beginning of its line, so that an indent is kept."""
    for start in starts:
        yield text.rfind("\n", 0, start) + 1
