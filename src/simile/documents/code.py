"""Split source code into blocks at blank lines; in Python, definitions are the headings.

Python is parsed with `ast`, which knows where a definition ends; in other languages an unindented
line after a blank line opens a section, which suits every indented language.
"""

import ast
import re
import warnings
from collections.abc import Iterator

from simile.documents.blocks import Block, lines_of

_PYTHON_LINE = re.compile(r"\r\n|\r|\n")
"""Line ends of Python's own tokenizer (Language Reference, 2.1.2)."""
_MAX_PARSED = 2_000_000
"""Characters of Python read with `ast`; generated files beyond it are cut at blank lines."""

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def code_blocks(text: str, *, python: bool) -> list[Block]:
    """Return the blocks of a source file, in order; invalid Python is read like other languages."""
    blocks = {block.start: block for block in _by_blank_lines(text)}
    definitions = list(_definitions(text)) if python and len(text) <= _MAX_PARSED else []
    if not definitions:
        return list(blocks.values())
    for start, end, _ in definitions:
        blocks.setdefault(start, Block(start, by_lines=True))
        blocks.setdefault(end, Block(end, by_lines=True))
    return _under_definitions(sorted(blocks), definitions)


def _by_blank_lines(text: str) -> Iterator[Block]:
    after_blank = True
    first = True
    for line in lines_of(text):
        blank = not line.text.strip()
        if first or (after_blank and not blank):
            at_margin = not line.text[:1].isspace()
            yield Block(line.start, by_lines=True, opens_section=at_margin and not first)
            first = False
        after_blank = blank
    if first:
        yield Block(0, by_lines=True)


def _under_definitions(
    starts: list[int], definitions: list[tuple[int, int, tuple[str, ...]]]
) -> list[Block]:
    """Assign each block to the innermost definition around it; both lists are in order."""
    blocks: list[Block] = []
    stack: list[tuple[int, tuple[str, ...]]] = []
    waiting = list(reversed(definitions))
    for start in starts:
        while stack and stack[-1][0] <= start:
            stack.pop()
        while waiting and waiting[-1][0] <= start:
            _, end, names = waiting.pop()
            if end > start:
                stack.append((end, names))
        names = stack[-1][1] if stack else ()
        changed = bool(blocks) and names != blocks[-1].headings
        blocks.append(Block(start, names, by_lines=True, opens_section=changed))
    return blocks


def _definitions(text: str) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Yield start, end and path of every class, function and method, outer ones first, in order."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in other people's strings
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    starts = [0, *(match.end() for match in _PYTHON_LINE.finditer(text)), len(text)]
    todo: list[tuple[ast.stmt, tuple[str, ...]]] = [(node, ()) for node in reversed(tree.body)]
    while todo:
        node, above = todo.pop()
        if not isinstance(node, _Definition):
            continue
        names = (*above, node.name)
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        last = node.end_lineno or node.lineno
        yield starts[first - 1], starts[min(last, len(starts) - 1)], names
        if isinstance(node, ast.ClassDef):
            todo.extend((child, names) for child in reversed(node.body))
