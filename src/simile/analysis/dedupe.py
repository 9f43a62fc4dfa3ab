"""Group near-duplicate texts, and choose which member of each group to keep.

Exact duplicates are found by text (NFC, white space collapsed), near ones by cosine; chains of near
pairs form a group. Keeps the longest text, or the earliest row of equally long ones. Reports what
may go and why; deletes nothing. Knows no files and no model.
"""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simile.analysis.forest import Forest, components
from simile.analysis.nearest import approximate_pairs
from simile.analysis.pairs import Pairs, near_pairs
from simile.analysis.unit_rows import unit_rows
from simile.errors import InputError
from simile.types import Embeddings

THRESHOLD = 0.92
FLOOR = 0.85
EXACT_ROWS = 200_000
"""Maximum number of vectors for comparing all pairs; beyond it FAISS searches approximately."""

Reason = Literal["exact", "near", "chain"]
_SAME_TEXT = np.inf
"""Stands in for the cosine of rows with equal text, which no threshold separates."""


@dataclass(frozen=True)
class Dropped:
    """A row that may go because another is kept."""

    row: int
    reason: Reason
    """`exact`: equal text; `near`: the cosine to the kept row reaches the threshold; `chain`: only
    the cosine to `via` does, which is connected to the kept row in turn."""
    cosine: float
    """Cosine to the kept row."""
    via: int
    """The nearest row of the group for `chain`; the kept row for `near` and `exact`."""


@dataclass(frozen=True)
class Group:
    """Near-duplicate rows."""

    keep: int
    drop: tuple[Dropped, ...]
    """Exact duplicates first, then by cosine to the kept row, nearest first."""


@dataclass(frozen=True)
class NearDuplicates:
    """The near pairs of a set of texts, reduced to a forest that gives groups at any threshold."""

    count: int
    floor: float
    rank: NDArray[np.int32]
    """int32 (count,): the row with the lowest rank of a group is kept."""
    forest: Pairs
    rows: NDArray[np.int32]
    """The rows in a group at the floor, ascending; only their vectors are stored."""
    vectors: Embeddings
    """float32 (len(rows), dim), of length 1."""
    sample: Pairs | None = None
    """All near pairs of sampled rows, for the recall of an approximate search; None if exact."""
    ids: tuple[str, ...] = field(default=())
    """Id of each row; may be empty."""

    def groups(self, threshold: float = THRESHOLD) -> list[Group]:
        """Return groups of two or more rows, by first row. Raises InputError below the floor."""
        self._require(threshold)
        labels = components(self.count, self.forest, threshold)[self.rows]
        order = np.lexsort((self.rows, labels))
        cuts = np.flatnonzero(np.diff(labels[order])) + 1
        parts = [part for part in np.split(self.rows[order], cuts) if len(part) > 1]
        parts.sort(key=lambda part: int(part[0]))
        return [self._group(part, threshold) for part in parts]

    def recall(self, threshold: float = THRESHOLD) -> float:
        """Return the share of sampled near pairs that share a group; 1 for an exact search."""
        self._require(threshold)
        if self.sample is None:
            return 1.0
        near = self.sample.cosine >= threshold
        labels = components(self.count, self.forest, threshold)
        found = labels[self.sample.first[near]] == labels[self.sample.second[near]]
        return float(np.mean(found)) if len(found) else 1.0

    def _group(self, members: NDArray[np.int32], threshold: float) -> Group:
        keep = int(members[np.argmin(self.rank[members])])
        others = members[members != keep]
        cosines = self._cosines(others, keep)
        drop = []
        for row, cosine in zip(others.tolist(), cosines.tolist(), strict=True):
            same = self._text[row] == self._text[keep]
            reason: Reason = "exact" if same else "near" if cosine >= threshold else "chain"
            via = self._nearest[row] if reason == "chain" else keep
            drop.append(Dropped(row, reason, cosine, int(via)))
        drop.sort(key=lambda one: (one.reason != "exact", -one.cosine, one.row))
        return Group(keep, tuple(drop))

    def _cosines(self, others: NDArray[np.int32], keep: int) -> NDArray[np.float64]:
        vectors = self.vectors[np.searchsorted(self.rows, others)].astype(np.float64)
        kept = self.vectors[np.searchsorted(self.rows, keep)].astype(np.float64)
        lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(kept)
        cosines: NDArray[np.float64] = vectors @ kept / np.where(lengths > 0, lengths, 1.0)
        return np.minimum(cosines, 1.0)

    @cached_property
    def _text(self) -> NDArray[np.int32]:
        return components(self.count, self.forest, _SAME_TEXT)

    @cached_property
    def _nearest(self) -> NDArray[np.int32]:
        """The other end of each row's first edge, which is its nearest."""
        nearest = np.arange(self.count, dtype=np.int32)
        ends = np.column_stack([self.forest.first, self.forest.second])
        # The last of several assignments to one index wins: that of the nearest edge.
        nearest[ends.reshape(-1)[::-1]] = ends[:, ::-1].reshape(-1)[::-1]
        return nearest

    def _require(self, threshold: float) -> None:
        require_cosine(threshold)
        if threshold < self.floor:
            raise InputError(
                f"the threshold {threshold} is below the floor {self.floor} of the search; "
                "search again with a lower floor"
            )


def near_duplicates(
    vectors: ArrayLike,
    texts: Sequence[str] | None = None,
    *,
    floor: float = FLOOR,
    exact: bool | None = None,
    ids: Sequence[str] = (),
    progress: Callable[[float], None] = lambda share: None,
) -> NearDuplicates:
    """Find all pairs of vectors (n, dim) with a cosine of at least `floor`. Blocks.

    `exact` None means exact up to EXACT_ROWS. Memory is bounded for any number of pairs. Raises
    InputError for invalid input, and MissingExtraError if an approximate search lacks FAISS.
    """
    require_cosine(floor)
    unit = unit_rows(vectors, texts)
    if ids and len(ids) != len(unit):
        raise InputError(f"{len(ids):,} ids and {len(unit):,} vectors; expected one for each")
    forest = Forest(len(unit))
    rank = np.arange(len(unit), dtype=np.int32)
    if texts is not None:
        normal = [normalized(text) for text in texts]
        forest.add(_equal([text.encode("utf-8", "replace") for text in normal], _SAME_TEXT))
        sizes = np.array([len(text) for text in normal])
        rank[np.lexsort((rank, -sizes))] = np.arange(len(unit), dtype=np.int32)
    equal = _equal([vector.tobytes() if vector.any() else None for vector in unit], 1.0)
    forest.add(equal)
    distinct = np.delete(np.arange(len(unit), dtype=np.int32), equal.second)
    searched = unit if len(distinct) == len(unit) else unit[distinct]
    exact = len(distinct) <= EXACT_ROWS if exact is None else exact
    sample = _search(forest, searched, distinct, floor, progress, exact=exact)
    edges = forest.edges()
    rows = np.unique(np.concatenate([edges.first, edges.second]))
    return NearDuplicates(
        len(unit), floor, rank, edges, rows, unit[rows], sample=sample, ids=tuple(ids)
    )


def _search(
    forest: Forest,
    unit: Embeddings,
    rows: NDArray[np.int32],
    floor: float,
    progress: Callable[[float], None],
    *,
    exact: bool,
) -> Pairs | None:
    """Add the near pairs of `rows` to the forest; return a sample of them unless exact."""

    def wanted(
        first: NDArray[np.int32], second: NDArray[np.int32], at_most: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        return forest.wanted(rows[first], rows[second], at_most)

    sample = None
    if exact:
        parts = near_pairs(unit, floor, wanted=wanted, progress=progress)
    else:
        parts, found = approximate_pairs(unit, floor, progress=progress)
        sample = _renamed(found, rows)
    for pairs in parts:
        forest.add(_renamed(pairs, rows))
    return sample


def normalized(text: str) -> str:
    """Normalize to NFC and collapse white space; exact duplicates are equal afterwards."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def require_cosine(threshold: float) -> None:
    """Raise InputError if the threshold is not a cosine."""
    if not -1 <= threshold <= 1:
        raise InputError(f"the threshold is {threshold}; expected a cosine, from -1 to 1")


def _equal(values: Sequence[bytes | None], cosine: float) -> Pairs:
    """Pair each repeated value with its first occurrence, by hash; None equals nothing."""
    first_rows: dict[bytes, int] = {}
    first, second = [], []
    for row, value in enumerate(values):
        if value is None:
            continue
        earliest = first_rows.setdefault(blake2b(value, digest_size=16).digest(), row)
        if earliest != row:
            first.append(earliest)
            second.append(row)
    return Pairs(np.array(first, np.int32), np.array(second, np.int32), np.full(len(first), cosine))


def _renamed(pairs: Pairs, rows: NDArray[np.int32]) -> Pairs:
    return Pairs(rows[pairs.first], rows[pairs.second], pairs.cosine)
