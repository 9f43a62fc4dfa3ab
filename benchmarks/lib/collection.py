"""Generate a collection of any size from a seed: vectors, texts, access lists, metadata, queries.

Vectors cluster around a few hundred centers, as embeddings do, and more closely within a document;
the words follow Zipf's law. Knows no engine.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np
from numpy.typing import NDArray

DIM = 384
PER_DOCUMENT = 10
"""Chunks per document."""
GROUPS = 50
GROUPS_OF_A_DOCUMENT = 2
SEARCHER_GROUPS = 25
LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pl", "pt")
YEARS = range(1996, 2026)
EVERYONE = "group:everyone"
"""Part of every access list, but not of the searcher's groups; with it, everything is readable."""
FILTER = "year >= 2010 and lang in ('en', 'de')"
FROM_YEAR, LANGUAGES_WANTED = 2010, ("en", "de")

_SEED = 20_261_120
_CENTERS = 300
_OF_DOCUMENT, _OF_CHUNK, _OF_QUERY = 0.6, 0.8, 0.9
"""Lengths of noise around a center (1.0): mean cosines 0.5 within a center, 0.68 in a document."""
_BLOCK = 10_000
_VOCABULARY = 50_000
_ZIPF, _ZIPF_SHIFT = 1.07, 2.7
_MOST_WORDS = 100


@dataclass(frozen=True)
class Collection:
    """A collection; chunks are numbered from 0, ten per document, and so are the arrays' rows."""

    vectors: NDArray[np.float32]
    """float32 (chunks, DIM), of length 1."""
    groups: NDArray[np.int64]
    """int64 (documents, GROUPS_OF_A_DOCUMENT), distinct per document."""
    languages: NDArray[np.int64]
    """int64 (documents,): indexes into LANGUAGES."""
    years: NDArray[np.int64]
    """int64 (documents,)."""
    queries: list[str]
    query_vectors: NDArray[np.float32]
    """float32 (queries, DIM), of length 1."""

    @property
    def chunks(self) -> int:
        """The number of chunks."""
        return len(self.vectors)

    @property
    def documents(self) -> int:
        """The number of documents."""
        return len(self.years)

    @cached_property
    def principals(self) -> list[str]:
        """The searcher's principals: every second group."""
        return [f"group:{number}" for number in range(0, GROUPS, GROUPS // SEARCHER_GROUPS)]

    def acl(self, document: int) -> list[str]:
        """Return the principals that may read a document."""
        return [EVERYONE, *(f"group:{number}" for number in self.groups[document])]

    def metadata(self, document: int) -> dict[str, str | int]:
        """Return a document's language and year."""
        language = LANGUAGES[self.languages[document]]
        return {"lang": language, "year": int(self.years[document])}

    def allowed(self, *, acl: bool, filter: bool) -> NDArray[np.bool_]:
        """Return a mask of chunks, bool (chunks,): readable if `acl`, admitted if `filter`."""
        documents = np.ones(self.documents, np.bool_)
        if acl:
            documents &= (self.groups % (GROUPS // SEARCHER_GROUPS) == 0).any(axis=1)
        if filter:
            wanted = [LANGUAGES.index(name) for name in LANGUAGES_WANTED]
            documents &= (self.years >= FROM_YEAR) & np.isin(self.languages, wanted)
        return documents.repeat(PER_DOCUMENT)

    def texts(self) -> Iterator[str]:
        """Yield all chunks' texts in order; deterministic."""
        return islice(_texts(), self.chunks)


def build(chunks: int, queries: int, *, random: bool) -> Collection:
    """Generate `chunks` chunks; `random` distributes vectors evenly over the sphere."""
    rng = np.random.default_rng(_SEED)
    documents = chunks // PER_DOCUMENT
    sources = rng.choice(min(chunks, _BLOCK), queries, replace=queries > min(chunks, _BLOCK))
    groups = rng.random((documents, GROUPS)).argsort(axis=1)[:, :GROUPS_OF_A_DOCUMENT]
    vectors = _vectors(rng, documents, random=random)
    noise = _directions(rng, queries)
    return Collection(
        vectors, groups.copy(), rng.integers(len(LANGUAGES), size=documents),
        rng.integers(YEARS.start, YEARS.stop, size=documents), _queries(rng, sources),
        noise if random else _unit(vectors[sources] + np.float32(_OF_QUERY) * noise),
    )  # fmt: skip


def _vectors(rng: np.random.Generator, documents: int, *, random: bool) -> NDArray[np.float32]:
    made = np.empty((documents * PER_DOCUMENT, DIM), np.float32)
    centers = _directions(rng, _CENTERS)
    for begin in range(0, documents, _BLOCK):
        count = min(_BLOCK, documents - begin)
        part = _directions(rng, count * PER_DOCUMENT)
        if not random:
            near = centers[rng.integers(_CENTERS, size=count)]
            near = near + np.float32(_OF_DOCUMENT) * _directions(rng, count)
            part = _unit(near.repeat(PER_DOCUMENT, axis=0) + np.float32(_OF_CHUNK) * part)
        made[begin * PER_DOCUMENT : (begin + count) * PER_DOCUMENT] = part
    return made


def _directions(rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    return _unit(rng.standard_normal((count, DIM), dtype=np.float32))


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    scaled: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return scaled


def _queries(rng: np.random.Generator, sources: NDArray[np.int64]) -> list[str]:
    """Draw four to six distinct words of each source text; sources are in the first block."""
    texts = list(islice(_texts(), _BLOCK))
    queries = []
    for source in sources.tolist():
        words = sorted(set(texts[source].split()))
        queries.append(" ".join(rng.choice(words, rng.integers(4, 7), replace=False)))
    return queries


def _texts() -> Iterator[str]:
    """Yield texts of 300 to 400 characters, endlessly."""
    words = _words(np.random.default_rng(_SEED))
    shares = 1.0 / (np.arange(len(words)) + 1 + _ZIPF_SHIFT) ** _ZIPF
    limits = np.cumsum(shares / shares.sum())
    lengths = np.array([len(word) + 1 for word in words])
    block = 0
    while True:
        rng = np.random.default_rng((_SEED, block))
        drawn = rng.random((_BLOCK, _MOST_WORDS))
        chosen = np.searchsorted(limits, drawn).clip(max=len(words) - 1)
        target = rng.integers(313, 401, size=_BLOCK)
        counts = (np.cumsum(lengths[chosen], axis=1) <= target[:, None]).sum(axis=1)
        for row, count in zip(chosen, counts.tolist(), strict=True):
            yield " ".join([words[place] for place in row[:count].tolist()])
        block += 1


def _words(rng: np.random.Generator) -> list[str]:
    """Generate distinct made-up words; frequent ones come first and are shorter."""
    syllables = [first + vowel for first in "bcdfghjklmnprstvwz" for vowel in "aeiou"]
    syllables += [syllable + last for syllable in syllables for last in "lnrst"]
    found: dict[str, None] = {}
    while len(found) < _VOCABULARY:
        most = 1 if len(found) < 150 else 2 if len(found) < 3000 else 4
        count = int(rng.integers(max(1, most - 1), most + 1))
        found["".join(rng.choice(syllables, count))] = None
    return list(found)
