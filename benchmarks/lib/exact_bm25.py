"""BM25 the slow way, in float64: every readable chunk counted, every score computed."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from benchmarks.lib.collection import Collection
from numpy.typing import NDArray

from simile.store.terms import make_analyzer

_K1, _B = 1.2, 0.75


class LexicalTruth:
    """Counts of the words of some queries in every chunk of a collection."""

    def __init__(self, collection: Collection, queries: Sequence[str]) -> None:
        self._collection = collection
        self._analyzer = make_analyzer("english")
        wanted = sorted({word for query in queries for word in self._analyzer.analyze(query)})
        self._places = {word: place for place, word in enumerate(wanted)}
        self._counts = np.zeros((len(wanted), collection.chunks), np.uint8)
        self._lengths = np.zeros(collection.chunks)
        for row, text in enumerate(collection.texts()):
            words = self._analyzer.analyze(text)
            self._lengths[row] = len(words)
            for word, count in Counter(words).items():
                if word in self._places:
                    self._counts[self._places[word], row] = count

    def scores(self, query: str, *, acl: bool) -> NDArray[np.float64]:
        """Return the score of every chunk, float64 (chunks,), counting only readable ones."""
        readable = self._collection.allowed(acl=acl, filter=False)
        total = np.count_nonzero(readable)
        norms = _K1 * (1 - _B + _B * self._lengths / self._lengths[readable].mean())
        scores = np.zeros(len(norms))
        for word in self._analyzer.analyze(query):
            counts = self._counts[self._places[word]].astype(np.float64)
            having = np.count_nonzero(counts[readable])
            idf = math.log(1 + (total - having + 0.5) / (having + 0.5))
            scores += idf * counts * (_K1 + 1) / (counts + norms)
        return scores
