"""Compute metrics of one query's ranking from its judgments; higher is better.

As in trec_eval 9 (`ndcg_cut`, `recall`, `P`, `recip_rank`, `map`, `success`): unjudged documents
are not relevant, grades of 1 or more are. Knows ids and spans; not where they come from.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import log2

import numpy as np

Grades = Mapping[str, int]
"""Relevance grades by id; 0 or less is not relevant."""
Ranking = Sequence[str] | Mapping[str, float]
"""Ids, best first; or scores by id, with ties by descending id, as in trec_eval."""


@dataclass(frozen=True)
class Span:
    """A range of characters of a document; `end` is exclusive."""

    document_id: str
    start: int
    end: int


def ndcg(ranking: Ranking, grades: Grades, k: int | None = None) -> float:
    """Return the discounted gain of the first k over the ideal one; the gain is the grade itself.

    Järvelin & Kekäläinen 2002, section 2.2, with trec_eval's discount: log2 (rank + 1).
    """
    gains = [grades.get(id, 0) for id in islice(ranked(ranking), k)]
    ideal = _discounted(sorted(grades.values(), reverse=True)[:k])
    return _discounted(gains) / ideal if ideal else 0.0


def recall(ranking: Ranking, grades: Grades, k: int | None = None) -> float:
    """Return the share of the relevant ids that are among the first k."""
    relevant = _relevant(grades)
    return _found(ranking, relevant, k) / len(relevant) if relevant else 0.0


def precision(ranking: Ranking, grades: Grades, k: int) -> float:
    """Return the relevant ids among the first k over k, even if fewer were found; `P_k`."""
    return _found(ranking, _relevant(grades), k) / k


def hit(ranking: Ranking, grades: Grades, k: int) -> float:
    """Return 1 if a relevant id is among the first k, else 0; trec_eval's `success_k`."""
    return float(_found(ranking, _relevant(grades), k) > 0)


def reciprocal_rank(ranking: Ranking, grades: Grades) -> float:
    """Return 1 / rank of the first relevant id, 0 without one; its mean over queries is MRR."""
    relevant = _relevant(grades)
    places = (place for place, id in enumerate(ranked(ranking), 1) if id in relevant)
    return 1 / next(places, float("inf"))


def average_precision(ranking: Ranking, grades: Grades) -> float:
    """Return the mean precision at each relevant id's rank, 0 for missing ones; its mean is MAP."""
    relevant, found, total = _relevant(grades), 0, 0.0
    for place, id in enumerate(ranked(ranking), 1):
        if id in relevant:
            found += 1
            total += found / place
    return total / len(relevant) if relevant else 0.0


def span_recall(found: Iterable[Span], gold: Iterable[Span]) -> float:
    """Return the share of the gold spans' characters that were found; each counts once.

    Smith & Troynikov 2024, "Evaluating Chunking Strategies for Retrieval", section "Metrics".
    """
    wanted = _merged(gold)
    size = _size(wanted)
    return _shared(_merged(found), wanted) / size if size else 0.0


def span_precision(found: Iterable[Span], gold: Iterable[Span]) -> float:
    """Return the share of the found characters that are in gold spans; each counts once."""
    given = _merged(found)
    size = _size(given)
    return _shared(given, _merged(gold)) / size if size else 0.0


def ranked(ranking: Ranking) -> Sequence[str]:
    """Return the distinct ids, best first."""
    if isinstance(ranking, Mapping):  # trec_eval compares scores as float32.
        return sorted(ranking, key=lambda id: (np.float32(ranking[id]), id), reverse=True)
    return list(dict.fromkeys(ranking))


def _relevant(grades: Grades) -> frozenset[str]:
    return frozenset(id for id, grade in grades.items() if grade > 0)


def _found(ranking: Ranking, relevant: frozenset[str], k: int | None) -> int:
    return sum(id in relevant for id in islice(ranked(ranking), k))


def _discounted(gains: Iterable[int]) -> float:
    return sum(gain / log2(place + 1) for place, gain in enumerate(gains, 1) if gain > 0)


def _merged(spans: Iterable[Span]) -> list[Span]:
    """Merge overlapping spans, sorted by document and start; drop empty ones."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.document_id, span.start)):
        last = merged[-1] if merged else None
        if last and last.document_id == span.document_id and span.start <= last.end:
            merged[-1] = Span(last.document_id, last.start, max(last.end, span.end))
        elif span.start < span.end:
            merged.append(span)
    return merged


def _size(merged: Iterable[Span]) -> int:
    return sum(span.end - span.start for span in merged)


def _shared(some: Sequence[Span], others: Sequence[Span]) -> int:
    """Return the number of shared characters: both sizes minus the size of the union."""
    return _size(some) + _size(others) - _size(_merged([*some, *others]))
