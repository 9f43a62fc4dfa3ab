"""Find where a span can be cut: at sentences or lines, then at words, then between characters.

Works on text; does not know sizes or documents. Sentence ends of scripts without spaces are the
common ones of Unicode UAX 29, Sentence_Break=STerm.
"""

import re
import unicodedata
from collections.abc import Iterator

_CLOSERS = "\"'”’»)\\]}」』）】》〉"
_SENTENCE_END = re.compile(
    rf"(?<![.!?…])[.!?…]++[{_CLOSERS}]*+\s++(?=[^a-z])"
    rf"|[。！？｡︒؟۔।॥။។።᙮]+[{_CLOSERS}]*\s*"
)
_NATURAL_END = re.compile(r"\n|[，、；：,;:]\s*|\s")
_JOINERS = {"\u200d", "\ufe0e", "\ufe0f"}


def sentence_starts(text: str, start: int, end: int) -> Iterator[int]:
    """Yield where the sentences of the span begin, the first at `start`."""
    yield start
    for match in _SENTENCE_END.finditer(text, start, end):
        if match.end() < end:
            yield match.end()


def line_starts(text: str, start: int, end: int) -> Iterator[int]:
    """Yield where the lines of the span begin, the first at `start`."""
    while start < end:
        yield start
        newline = text.find("\n", start, end)
        start = newline + 1 if newline >= 0 else end


def width_starts(text: str, start: int, end: int, parts: int) -> Iterator[int]:
    """Yield where about `parts` equal parts begin, each moved back to a line, clause or word end.

    Looks back over at most half a part, so that it is linear. Separates characters that belong
    together (an accent, an emoji with its joiner) only as a last resort.
    """
    yield start
    width = max(1, -(-(end - start) // parts))
    while end - start > width:
        goal = start + width
        cut = _natural_cut(text, start + (width + 1) // 2, goal) or _whole_cut(text, start, goal)
        yield cut
        start = cut


def _natural_cut(text: str, low: int, high: int) -> int:
    """Return the last line end in the range, or else clause or word end; 0 if there is none."""
    newline = text.rfind("\n", low, high)
    if newline >= 0:
        return newline + 1
    last = 0
    for match in _NATURAL_END.finditer(text, low, high):
        last = match.end()
    return last


def _whole_cut(text: str, start: int, goal: int) -> int:
    """Return the last position up to `goal` that splits no character from accents or joiners."""
    for cut in range(goal, max(start, goal - 32), -1):
        if not (_is_extending(text[cut]) or text[cut - 1] == "\u200d"):
            return cut
    return goal


def _is_extending(character: str) -> bool:
    return (
        unicodedata.combining(character) != 0
        or character in _JOINERS
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or unicodedata.category(character) == "Mc"
        or character == "\n"
    )
