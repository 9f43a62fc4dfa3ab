"""Find where a word of BERT's tokenizer may end, in a text of any script.

Source: BasicTokenizer of google-research/bert: blanks, control characters, punctuation and each
Chinese character end a word; letters, marks, numbers and symbols do not.
"""

import re
import unicodedata
from functools import cache

_SEARCHED_CHARS = 2**20
"""At a time, as the search keeps Python's lock."""


@cache
def _word_ends() -> re.Pattern[str]:
    """Match whatever may end a word of BERT's tokenizer: all but letters, marks and symbols."""
    codes = [code for code in range(0x110000) if not _is_within_word(code)]
    starts = [code for code, before in zip(codes, [-2, *codes], strict=False) if code != before + 1]
    ends = [code for code, after in zip(codes, [*codes[1:], -2], strict=True) if code != after - 1]
    ranges = zip(starts, ends, strict=True)
    return re.compile("[" + "".join(rf"\U{a:08x}-\U{b:08x}" for a, b in ranges) + "]")


def _is_within_word(code: int) -> bool:
    # BERT's tokenizer makes a word of each Chinese character.
    is_chinese = 0x2E80 <= code <= 0xA4CF or 0xF900 <= code <= 0xFAFF or 0x20000 <= code <= 0x3FFFF
    return code > 0x7F and not is_chinese and unicodedata.category(chr(code))[0] in "LMNS"


def end_of_word(text: str, at: int) -> int:
    """Find where a word may end, from `at` on, in steps that hold up nobody."""
    while at < len(text):
        if found := _word_ends().search(text, at, at + _SEARCHED_CHARS):
            return found.start()
        at += _SEARCHED_CHARS
    return len(text)
