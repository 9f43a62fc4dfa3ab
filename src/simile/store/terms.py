"""Turn texts and queries into terms, the same way for both, in any script.

Scripts without spaces become overlapping pairs of characters (as in Lucene's CJKBigramFilter),
plus the last character of a run alone, so that every character begins a term. A query consists
of words and quoted phrases; it has no operators.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

from simile.errors import ConfigError

LANGUAGES = tuple(
    "none arabic danish dutch english finnish french german greek hungarian italian norwegian "
    "portuguese romanian russian spanish swedish tamil turkish".split()
)
"""Languages with a stemmer; `none` does not stem."""

_MAX_TERM_BYTES = 40
_MAX_PHRASES = 16
_MAX_PHRASE_TERMS = 64
_PHRASE = re.compile(r'["“”„«»]([^"“”„«»]+)["“”„«»]')
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]+"
)


@dataclass(frozen=True)
class QueryTerms:
    """The terms of a query."""

    words: Counter[str] = field(default_factory=Counter)
    """Terms, and how often each occurs in the query."""
    letters: tuple[str, ...] = ()
    """Single characters of a script without spaces; they match terms that begin with them."""
    phrases: tuple[tuple[str, ...], ...] = ()
    """Sequences of adjacent terms."""


def make_analyzer(language: str) -> TextAnalyzer:
    """Build an analyzer: words, lower case, stemmed; for English equal to Tantivy's `en_stem`."""
    if language not in LANGUAGES:
        raise ConfigError(
            f"no stemmer for language {language!r}; expected one of {', '.join(LANGUAGES)}"
        )
    builder = TextAnalyzerBuilder(Tokenizer.simple())
    builder = builder.filter(Filter.remove_long(_MAX_TERM_BYTES)).filter(Filter.lowercase())
    return (builder if language == "none" else builder.filter(Filter.stemmer(language))).build()


def with_pairs(text: str, *, endings: bool = True) -> str:
    """Replace runs of scripts without spaces by pairs of characters.

    `endings` adds the last character of a run alone: for texts, not for queries.
    """
    if text.isascii():
        return text
    return _UNSPACED.sub(lambda run: _pairs(run[0], endings), unicodedata.normalize("NFKC", text))


def parse_query(query: str, analyzer: TextAnalyzer) -> QueryTerms:
    """Parse a query into words and phrases; if all of it is quoted, only phrases result."""
    query = query.encode("utf-8", "replace").decode()
    phrases = [_terms(found, analyzer) for found in _PHRASE.findall(query)[:_MAX_PHRASES]]
    phrases = [phrase[:_MAX_PHRASE_TERMS] for phrase in phrases if len(phrase) > 1]
    outside = _terms(_PHRASE.sub(" ", query), analyzer)
    words = _terms(query, analyzer) if outside or not phrases else []
    return QueryTerms(
        words=Counter(word for word in words if not _is_letter(word)),
        letters=tuple(sorted({word for word in words if _is_letter(word)})),
        phrases=tuple(dict.fromkeys(tuple(phrase) for phrase in phrases)),
    )


def _terms(text: str, analyzer: TextAnalyzer) -> Sequence[str]:
    return analyzer.analyze(with_pairs(text, endings=False))


def _is_letter(word: str) -> bool:
    return len(word) == 1 and _UNSPACED.match(word) is not None


def _pairs(run: str, endings: bool) -> str:
    letters = [letter for letter in run if letter.isalnum()]
    pairs = [first + second for first, second in pairwise(letters)]
    if letters and (endings or len(letters) == 1):
        pairs.append(letters[-1])
    return f" {' '.join(pairs)} "
