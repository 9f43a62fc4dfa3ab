"""Rank a view's rows by BM25, whose statistics count only the rows that the caller may read.

Robertson and Zaragoza 2009, with Lucene's idf: k1 1.2, b .75. So a score is what it would be in an
index without the unreadable rows. Terms come in the order of the most that they can add; once the
rest cannot lift another row among the best, only candidates are scored (MaxScore, Turtle and Flood
1995).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simile.store.products import best, low_kth
from simile.store.protocol import Mask
from simile.store.segments import END, Postings, Segment
from simile.store.terms import QueryTerms

Rows = NDArray[np.int64]
_K1 = 1.2
_B = 0.75
_MAX_TERMS = 256
"""The rarest words of a query that are scored, of the first _MOST_LOOKED_UP."""
_MOST_LOOKED_UP = 4096
_PAYS = 16_384
"""Postings left from which looking for candidates pays off."""
_GROUPS = 16
"""Groups of rows per wanted hit, whose best scores bound the k-th best of all."""
_FEWER = 8
"""How many times fewer candidates than postings there must be."""
_SLACK = 1.0001
"""Covers the rounding of float32 sums."""
_POSITION_BITS = 17


@dataclass(frozen=True)
class Audience:
    """The rows that some principals may read."""

    mask: Mask
    count: int
    """How many they are."""
    words: int
    """How many words they have."""

    @property
    def sees_all(self) -> bool:
        """Whether all rows are readable."""
        return self.count == len(self.mask)


@dataclass(frozen=True)
class Placed:
    """A segment, and where its rows are in the view."""

    segment: Segment
    begin: int
    """The view's row of the segment's first, if they follow each other."""
    places: Rows | None
    """The view's row of each of the segment's, -1 if it has none; None if they follow."""

    def rows(self, postings: Postings) -> tuple[Rows, NDArray[np.uint32]]:
        """Return the view's rows of the postings, ascending, and their counts."""
        if self.places is None:
            return postings.rows.astype(np.int64) + self.begin, postings.counts
        rows = self.places[postings.rows]
        return rows[rows >= 0], postings.counts[rows >= 0]

    def among(self, postings: Postings, wanted: Rows) -> tuple[Rows, NDArray[np.uint32]]:
        """Return the rows and counts of the postings whose rows are wanted, which ascend."""
        if self.places is None:
            end = self.begin + len(self.segment.ids)
            wanted = wanted[slice(*np.searchsorted(wanted, [self.begin, end]))]
            local: NDArray[Any] = (wanted - self.begin).astype(np.uint32)
            rows: NDArray[Any] = postings.rows
            counts = postings.counts
        else:
            local, (rows, counts) = wanted, self.rows(postings)
        if not len(rows):
            return wanted[:0], counts[:0]
        found = np.searchsorted(rows, local).clip(max=len(rows) - 1)
        hit = rows[found] == local
        return wanted[hit], counts[found[hit]]

    def count(self, postings: Postings, audience: Audience) -> int:
        """Return how many of the rows the audience may read."""
        if self.places is None:
            if audience.sees_all:
                return len(postings.rows)
            mask = audience.mask[self.begin : self.begin + len(self.segment.ids)]
            return int(np.count_nonzero(mask[postings.rows]))
        return int(np.count_nonzero(audience.mask[self.rows(postings)[0]]))


def part_of(segment: Segment, ids: NDArray[np.int64]) -> Placed:
    """Find a segment's rows among the view's chunk ids, int64 (rows,), ascending."""
    begin = int(np.searchsorted(ids, segment.ids[0])) if len(segment.ids) else 0
    if np.array_equal(ids[begin : begin + len(segment.ids)], segment.ids):
        return Placed(segment, begin, None)
    places = np.searchsorted(ids, segment.ids).clip(max=len(ids) - 1)
    return Placed(segment, 0, np.where(ids[places] == segment.ids, places, -1))


def lengths_of(parts: Sequence[Placed], rows: int) -> NDArray[np.uint32]:
    """Return the words per row of the view, uint32 (rows,); 0 for a row in no segment."""
    lengths = np.zeros(rows, np.uint32)
    for part in parts:
        if part.places is None:
            lengths[part.begin : part.begin + len(part.segment.ids)] = part.segment.lengths
        else:
            known = part.places >= 0
            lengths[part.places[known]] = part.segment.lengths[known]
    return lengths


@dataclass(frozen=True)
class _Clause:
    """A word, phrase or letter of a query."""

    most: float
    """The most that it adds to a score."""
    found: Sequence[tuple[Placed, Postings]]
    is_constant: bool = False
    """Whether it adds that to every row, as a letter does."""

    @property
    def size(self) -> int:
        return sum(len(postings.rows) for _, postings in self.found)


def rank(
    parts: Sequence[Placed],
    lengths: NDArray[np.uint32],
    terms: QueryTerms,
    audience: Audience,
    admitted: Mask,
    *,
    k: int,
) -> tuple[Rows, NDArray[np.float32]]:
    """Return the k best admitted rows that have a term, and their scores, best first, ties by row.

    lengths uint32 (rows,): words per row; admitted bool (rows,), a part of the audience's mask.
    """
    clauses = sorted(_clauses(parts, terms, audience), key=lambda clause: -clause.most)
    mean = audience.words / max(1, audience.count)
    slope = np.float32(_K1 * _B / max(mean, 1e-9))
    sums = _Sums(lengths, slope, admitted, k)
    whole, left = sum(clause.most for clause in clauses), sum(clause.size for clause in clauses)
    rest = whole
    for clause in clauses:
        sums.add(clause)
        rest, left = rest - clause.most, left - clause.size
        if left > _PAYS and rest < whole / 2:
            sums.narrow(rest, left)
    return sums.best()


class _Sums:
    """The scores of all rows so far."""

    def __init__(
        self, lengths: NDArray[np.uint32], slope: np.float32, admitted: Mask, k: int
    ) -> None:
        self._lengths = lengths
        self._slope = slope
        self._admitted = admitted
        self._k = k
        self._group = max(32, len(lengths) // (_GROUPS * max(1, k)))
        self._scores = np.zeros(len(lengths), np.float32)
        self._candidates: Rows | None = None

    def add(self, clause: _Clause) -> None:
        """Add what the clause gives each row, or only the candidates."""
        weight = np.float32(clause.most)
        for part, postings in clause.found:
            if self._candidates is None:
                rows, counts = part.rows(postings)
            else:
                rows, counts = part.among(postings, self._candidates)
            if clause.is_constant:
                self._scores[rows] += weight
                continue
            times = counts.astype(np.float32)
            norms = self._lengths[rows] * self._slope
            norms += np.float32(_K1 * (1 - _B))
            norms += times
            times *= weight
            times /= norms
            self._scores[rows] += times

    def narrow(self, rest: float, left: int) -> None:
        """Score only candidates from now on, if what is left, at most `rest`, allows that."""
        if self._candidates is not None:
            return
        scores = np.where(self._admitted, self._scores, np.float32(0))
        enough = float(low_kth(scores, self._k, group=self._group))
        if enough <= rest * _SLACK:
            return
        candidates = np.flatnonzero(scores >= (enough - rest * _SLACK) / _SLACK)
        if len(candidates) * _FEWER <= left:
            self._candidates = candidates

    def best(self) -> tuple[Rows, NDArray[np.float32]]:
        """Return the best rows and their scores."""
        scores = np.where(self._admitted, self._scores, np.float32(0))
        enough = max(low_kth(scores, self._k, group=self._group), np.float32(0))
        rows = np.flatnonzero((scores >= enough) & (scores > 0))
        return best(rows, scores[rows], min(self._k, len(rows)))


def _clauses(parts: Sequence[Placed], terms: QueryTerms, audience: Audience) -> Iterator[_Clause]:
    looked_up = list(islice(terms.words, _MOST_LOOKED_UP))
    found = {word: _found(parts, word) for word in looked_up}
    counts = {word: _count(found[word], audience) for word in looked_up}
    rarest = sorted((count, word) for word, count in counts.items() if count)[:_MAX_TERMS]
    for count, word in rarest:
        weight = terms.words[word] * _idf(count, audience) * (_K1 + 1)
        yield _Clause(weight, found[word])
    for phrase in terms.phrases:
        words = [_found(parts, word) for word in phrase]
        idf = sum(_idf(_count(places, audience), audience) for places in words)
        yield _Clause(idf * (_K1 + 1), list(_phrase(parts, phrase)))
    for letter in terms.letters[:_MAX_TERMS]:
        yield _Clause(1.0, list(_letter(parts, letter)), is_constant=True)


def _found(parts: Sequence[Placed], word: str) -> list[tuple[Placed, Postings]]:
    pairs = ((part, part.segment.postings(word)) for part in parts)
    return [(part, postings) for part, postings in pairs if postings is not None]


def _count(found: Sequence[tuple[Placed, Postings]], audience: Audience) -> int:
    return sum(part.count(postings, audience) for part, postings in found)


def _idf(count: int, audience: Audience) -> float:
    return math.log(1 + (audience.count - count + 0.5) / (count + 0.5))


def _phrase(parts: Sequence[Placed], phrase: Sequence[str]) -> Iterator[tuple[Placed, Postings]]:
    """Yield where the words of a phrase stand next to each other, and how often."""
    for part in parts:
        words = [part.segment.postings(word) for word in phrase]
        starts = [
            _starts(postings, place) for place, postings in enumerate(words) if postings is not None
        ]
        if len(starts) < len(words):
            continue
        starts.sort(key=len)
        common = starts[0]
        for other in starts[1:]:
            places = np.searchsorted(other, common).clip(max=len(other) - 1)
            common = common[other[places] == common]
        rows, counts = np.unique(common >> _POSITION_BITS, return_counts=True)
        yield part, Postings(rows.astype(np.uint32), counts.astype(np.uint32), _NO_POSITIONS)


_NO_POSITIONS = np.empty(0, np.uint16)


def _starts(postings: Postings, place: int) -> Rows:
    """Return where a phrase begins if this is its word number `place`: row and position in one."""
    positions = postings.positions.astype(np.int64) - place
    starts: Rows = (postings.rows.astype(np.int64) << _POSITION_BITS).repeat(postings.counts)
    starts += positions
    kept: Rows = starts[(positions >= 0) & (postings.positions < END)]
    return kept


def _letter(parts: Sequence[Placed], letter: str) -> Iterator[tuple[Placed, Postings]]:
    for part in parts:
        rows = [postings.rows for postings in part.segment.beginning(letter)]
        if rows:
            once = np.unique(np.concatenate(rows))
            yield part, Postings(once, np.ones_like(once), _NO_POSITIONS)
