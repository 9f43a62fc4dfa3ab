"""Turn the words of chunks into a segment: each term's rows, counts and positions, sorted.

Tokens are sorted as one integer each, term before row before position, so that building and
merging are the same. A segment never changes; its arrays lie in memory or in a mapped file.
"""

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import count, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

MAX_TOKENS = 4_000_000
"""Size of a segment from which it is left alone: sorting that many takes 0.1 s and 70 MB."""
_BITS = 16
END = 2**_BITS - 1
"""The position of all words from this one on; phrases are not found there."""
_ROW_BITS = 24
_ALIGN = 8


class Postings(NamedTuple):
    """Where a term occurs in a segment."""

    rows: NDArray[np.uint32]
    """Ascending."""
    counts: NDArray[np.uint32]
    positions: NDArray[np.uint16]
    """Ascending within each row; `counts` of them per row."""


@dataclass(frozen=True)
class Segment:
    """Terms of consecutive chunks; rows count from 0."""

    ids: NDArray[np.int64]
    """Chunk ids (rows,), ascending."""
    lengths: NDArray[np.uint32]
    """Words per chunk (rows,)."""
    letters: NDArray[np.uint8]
    """All terms in UTF-8, ascending, one after the other."""
    term_starts: NDArray[np.int64]
    """Where each term begins in `letters` (terms + 1,), as the next two in their arrays."""
    row_starts: NDArray[np.int64]
    position_starts: NDArray[np.int64]
    rows: NDArray[np.uint32]
    counts: NDArray[np.uint32]
    positions: NDArray[np.uint16]

    @property
    def tokens(self) -> int:
        """The number of words in all chunks."""
        return len(self.positions)

    @property
    def _terms(self) -> int:
        return len(self.term_starts) - 1

    def postings(self, term: str) -> Postings | None:
        """Return where a term occurs; None if it does not."""
        wanted = term.encode()
        place = bisect_left(range(self._terms), wanted, key=self._term)
        if place == self._terms or self._term(place) != wanted:
            return None
        return self._at(place)

    def beginning(self, letter: str) -> Iterator[Postings]:
        """Yield the postings of the terms that are the letter, or the letter and one more."""
        wanted = letter.encode()
        for place in range(bisect_left(range(self._terms), wanted, key=self._term), self._terms):
            term = self._term(place)
            if not term.startswith(wanted):
                break
            if len(term.decode()) <= 2:
                yield self._at(place)

    def terms(self) -> list[bytes]:
        """Return all terms, ascending."""
        blob, starts = self.letters.tobytes(), self.term_starts.tolist()
        return [blob[begin:end] for begin, end in pairwise(starts)]

    def _term(self, place: int) -> bytes:
        return self.letters[self.term_starts[place] : self.term_starts[place + 1]].tobytes()

    def _at(self, place: int) -> Postings:
        rows = slice(*self.row_starts[place : place + 2].tolist())
        positions = slice(*self.position_starts[place : place + 2].tolist())
        return Postings(self.rows[rows], self.counts[rows], self.positions[positions])

    def save(self, path: Path) -> dict[str, int]:
        """Write the arrays to a new file, aligned; return their lengths, which `load` needs."""
        with path.open("xb") as file:
            for values in self._arrays().values():
                file.write(values.tobytes())
                file.write(bytes(-values.nbytes % _ALIGN))
        return {name: len(values) for name, values in self._arrays().items()}

    def _arrays(self) -> dict[str, NDArray[Any]]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


_KINDS: dict[str, Any] = {
    "ids": np.int64, "lengths": np.uint32, "letters": np.uint8, "term_starts": np.int64,
    "row_starts": np.int64, "position_starts": np.int64, "rows": np.uint32, "counts": np.uint32,
    "positions": np.uint16,
}  # fmt: skip


def size_of(lengths: dict[str, int]) -> int:
    """Return the size in bytes of a file with arrays of these lengths."""
    return sum(size + -size % _ALIGN for size in _sizes(lengths).values())


def _sizes(lengths: dict[str, int]) -> dict[str, int]:
    return {name: lengths[name] * np.dtype(kind).itemsize for name, kind in _KINDS.items()}


def load(path: Path, lengths: dict[str, int]) -> Segment:
    """Map a file. Raises ValueError or OSError if it is not of that size."""
    content = np.asarray(np.memmap(path, np.uint8, "r", shape=(size_of(lengths),)))
    found, begin = {}, 0
    for name, size in _sizes(lengths).items():
        found[name] = content[begin : begin + size].view(_KINDS[name])
        begin += size + -size % _ALIGN
    return Segment(**found)


def build(chunks: Iterable[tuple[int, Sequence[str]]]) -> Iterator[Segment]:
    """Yield segments of chunks given as id and words, ids ascending, MAX_TOKENS each."""
    numbers: dict[str, int] = defaultdict(count().__next__)
    tokens, ids, lengths = array("I"), array("q"), array("I")
    for id, words in chunks:
        tokens.extend(map(numbers.__getitem__, words))
        ids.append(id)
        lengths.append(len(words))
        if len(tokens) + len(ids) >= MAX_TOKENS:
            yield _built(numbers, tokens, ids, lengths)
            numbers = defaultdict(count().__next__)
            tokens, ids, lengths = array("I"), array("q"), array("I")
    if ids:
        yield _built(numbers, tokens, ids, lengths)


def _built(
    numbers: dict[str, int], tokens: "array[int]", ids: "array[int]", lengths: "array[int]"
) -> Segment:
    terms = sorted((word.encode(), number) for word, number in numbers.items())
    ranks = np.empty(len(terms), np.uint64)
    ranks[[number for _, number in terms]] = np.arange(len(terms), dtype=np.uint64)
    per_row = np.frombuffer(lengths, np.uint32)
    rows = np.arange(len(per_row), dtype=np.uint64).repeat(per_row)
    first = np.cumsum(per_row, dtype=np.int64) - per_row
    positions = np.arange(len(tokens)) - first.repeat(per_row)
    keys = _keys(ranks[np.frombuffer(tokens, np.uint32)], rows, positions.clip(max=END))
    found = np.frombuffer(ids, np.int64)
    return _encoded([term for term, _ in terms], keys, found.copy(), per_row.copy())


def merge(segments: Sequence[Segment]) -> Segment:
    """Return one segment of several whose ids follow each other."""
    words = [segment.terms() for segment in segments]
    terms = sorted(set().union(*words))
    ranks = dict(zip(terms, range(len(terms)), strict=True))
    keys, above = [], 0
    for segment, own in zip(segments, words, strict=True):
        places = np.array([ranks[term] for term in own], np.uint64)
        places = places.repeat(np.diff(segment.position_starts))
        rows = segment.rows.repeat(segment.counts).astype(np.uint64) + np.uint64(above)
        keys.append(_keys(places, rows, segment.positions))
        above += len(segment.ids)
    ids = np.concatenate([segment.ids for segment in segments])
    lengths = np.concatenate([segment.lengths for segment in segments])
    return _encoded(terms, np.concatenate(keys), ids, lengths)


def _keys(
    terms: NDArray[np.uint64], rows: NDArray[np.uint64], positions: NDArray[Any]
) -> NDArray[np.uint64]:
    keys: NDArray[np.uint64] = terms << np.uint64(_ROW_BITS + _BITS)
    keys |= rows << np.uint64(_BITS)
    keys |= positions.astype(np.uint64)
    return keys


def _encoded(
    terms: list[bytes],
    keys: NDArray[np.uint64],
    ids: NDArray[np.int64],
    lengths: NDArray[np.uint32],
) -> Segment:
    """`keys` are sorted in place."""
    keys.sort()
    pairs = keys >> np.uint64(_BITS)
    first = np.flatnonzero(np.diff(pairs, prepend=np.uint64(2**64 - 1)))
    each = np.arange(len(terms) + 1, dtype=np.uint64)
    bounds = each << np.uint64(_ROW_BITS)
    sizes = np.fromiter(map(len, terms), np.int64, len(terms))
    return Segment(
        ids=ids,
        lengths=lengths,
        letters=np.frombuffer(b"".join(terms), np.uint8),
        term_starts=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        row_starts=np.searchsorted(pairs[first], bounds),
        position_starts=np.searchsorted(pairs, bounds),
        rows=(pairs[first] & np.uint64(2**_ROW_BITS - 1)).astype(np.uint32),
        counts=np.diff(first, append=len(keys)).astype(np.uint32),
        positions=(keys & np.uint64(END)).astype(np.uint16),
    )
