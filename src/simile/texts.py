"""Check and mend texts on their way in, and shorten them on their way out."""

import re
from collections.abc import Sequence

from simile.errors import InputError


def require_texts(texts: Sequence[str]) -> None:
    """Raise InputError for one string in place of a list, and for an item that is no string."""
    if isinstance(texts, str):
        raise InputError("texts is one string; expected a list of strings: [text]")
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(f"text {place} is {type(text).__name__}; expected a string")


def without_surrogates(text: str) -> str:
    """Replace lone surrogates, which UTF-8 cannot carry, by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def shortened(text: str, chars: int) -> str:
    """Cut a text to so many characters, with an ellipsis where it was longer."""
    return text if len(text) <= chars else f"{text[:chars]}…"


def counted(number: int, noun: str) -> str:
    """Write a number with its noun: `1 text`, `2,000 texts`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def printable(text: str) -> str:
    r"""Write control characters, other than tab and line feed, as `\x1b`: for terminals and logs.

    Also those that reorder or hide text (bidirectional marks, line separators, lone surrogates).
    """
    return _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], text)


def json_printable(line: bytes) -> bytes:
    r"""Escape the same characters in JSON, as `\u009b`; it stays the same value."""
    if line.isascii() and b"\x7f" not in line:
        return line
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", line.decode()).encode()


_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)
