"""Split Markdown into blocks: headings with their path, paragraphs, fences, tables and lists.

Parses lines following CommonMark 0.31 (sections 4.2, 4.3, 4.5) and GFM tables (4.10), as far as
chunks need it: a misread block is cut at another place, and no text is lost.
"""

import re
from collections.abc import Sequence

from simile.documents.blocks import Block, Line, lines_of

_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]++(.*))?$")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r"[ \t]*(?:>[ \t]*)*(`{3,}|~{3,})([^\n]*)$")
_ITEM = re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]+\S")
_CELL_RULE = r"[ \t]*+:?-++:?[ \t]*+"
_TABLE_RULE = re.compile(rf"[ \t]*+\|?{_CELL_RULE}(?:\|{_CELL_RULE})*\|?[ \t]*+$")
_MAX_HEADING = 1_000
"""A longer line is text, whatever it begins with: real headings are shorter."""


def markdown_blocks(text: str) -> list[Block]:
    """Return the blocks of a Markdown text, in order; a heading belongs to the following block."""
    reader = _Reader(list(lines_of(text)))
    return reader.read()


class _Reader:
    """One pass over the lines; `path` is the headings above, by level."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = lines
        self.blocks: list[Block] = [Block(0)]
        self.path: dict[int, str] = {}
        self.after_heading = False

    def read(self) -> list[Block]:
        index = 0
        fresh = True  # the previous line is blank or ends a block: this may begin a paragraph
        while index < len(self.lines):
            line = self.lines[index]
            blank = not line.text.strip()
            length = 0 if blank else self._special(index)
            if not length and not blank and fresh:
                self._open(line.start, by_lines=_ITEM.match(line.text) is not None)
            fresh = blank or length > 0
            index += length or 1
        return self.blocks

    def _special(self, index: int) -> int:
        """Read a heading, fence or table at this line; return its number of lines, 0 if none."""
        line = self.lines[index]
        if len(line.text) > _MAX_HEADING:
            return 0
        if match := _HEADING.match(line.text):
            self._heading(line.start, len(match[1]), _without_closing(match[2] or ""))
            return 1
        if (match := _FENCE.match(line.text)) and (match[1][0] == "~" or "`" not in match[2]):
            self._open(line.start, by_lines=True)
            return self._fence_length(index, match[1])
        if length := self._table_length(index):
            self._open(line.start, by_lines=True)
            return length
        return self._underlined(index)

    def _underlined(self, index: int) -> int:
        """Read a setext heading of one line: text above a row of `=` or `-`."""
        if index + 1 >= len(self.lines) or (index and self.lines[index - 1].text.strip()):
            return 0
        line, under = self.lines[index], self.lines[index + 1].text
        rule = _UNDERLINE.match(under)
        if not rule or _ITEM.match(line.text) or _UNDERLINE.match(line.text):
            return 0
        self._heading(line.start, 1 if rule[1][0] == "=" else 2, line.text.strip())
        return 2

    def _fence_length(self, index: int, mark: str) -> int:
        close = re.compile(rf"[ \t]*(?:>[ \t]*)*{re.escape(mark[0])}{{{len(mark)},}}[ \t]*$")
        for end in range(index + 1, len(self.lines)):
            if close.match(self.lines[end].text):
                return end - index + 1
        return len(self.lines) - index

    def _table_length(self, index: int) -> int:
        if "|" not in self.lines[index].text or index + 1 >= len(self.lines):
            return 0
        rule = self.lines[index + 1].text
        if len(rule) > _MAX_HEADING or "-" not in rule or not _TABLE_RULE.match(rule):
            return 0
        end = index + 2
        while end < len(self.lines) and "|" in self.lines[end].text:
            end += 1
        return end - index

    def _heading(self, start: int, level: int, words: str) -> None:
        self.path = {above: name for above, name in self.path.items() if above < level}
        if words.strip():
            self.path[level] = words.strip()
        self._add(Block(start, self._headings(), opens_section=True))
        self.after_heading = True

    def _open(self, start: int, *, by_lines: bool) -> None:
        """Begin a block at this line; right after a heading, continue the heading's block."""
        if self.after_heading:
            self.blocks[-1] = self.blocks[-1]._replace(by_lines=by_lines)
            self.after_heading = False
            return
        self._add(Block(start, self._headings(), by_lines))

    def _add(self, block: Block) -> None:
        if self.blocks[-1].start == block.start:
            self.blocks.pop()
        self.blocks.append(block)

    def _headings(self) -> tuple[str, ...]:
        return tuple(self.path[level] for level in sorted(self.path))


def _without_closing(words: str) -> str:
    """Return a heading's words without the marks that may follow them: `# Title #`."""
    words = words.rstrip(" \t")
    before = words.rstrip("#")
    return before if before.endswith((" ", "\t")) else words
