"""Find where a word of BERT's tokenizer may end, in a text of any script.

Source: BasicTokenizer of google-research/bert: blanks, control characters, punctuation and each
Chinese character end a word; letters, marks, numbers and symbols do not.
"""

import unicodedata
from functools import cache

import numpy as np
from numpy.typing import NDArray

_SEARCHED_CHARS = 2**18
"""At a time; numpy looks them up without Python's lock."""


def end_of_word(text: str, at: int) -> int:
    """Find where a word may end, from `at` on; the text's length if nowhere."""
    while at < len(text):
        some = text[at : at + _SEARCHED_CHARS].encode("utf-32-le")
        ends = np.flatnonzero(_may_end()[np.frombuffer(some, np.uint32)])
        if ends.size:
            return at + int(ends[0])
        at += _SEARCHED_CHARS
    return len(text)


@cache
def _may_end() -> NDArray[np.bool_]:
    """Return a table over all code points."""
    return ~np.fromiter(map(_is_within_word, range(0x110000)), np.bool_, 0x110000)


def _is_within_word(code: int) -> bool:
    is_chinese = 0x2E80 <= code <= 0xA4CF or 0xF900 <= code <= 0xFAFF or 0x20000 <= code <= 0x3FFFF
    return code > 0x7F and not is_chinese and unicodedata.category(chr(code))[0] in "LMNS"
