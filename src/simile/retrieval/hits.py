"""Ranked rows to hits: ranked again where asked, crowds left out, texts and neighbours fetched."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from simile.documents import embedded_text
from simile.retrieval.search import Found, Question, embed_query, explain, find
from simile.store import Store, StoredChunk, View
from simile.types import EmbeddingModel, Hit, Passage, RankModel

RERANKED = 50
"""Candidates that a reranker sees; more where more hits are asked for."""
_WIDER = 4
_DEEPEST = 20_000
"""Candidates looked at before fewer hits than asked for are given, where many are alike."""


@dataclass(frozen=True)
class _Place:
    row: int
    stored: StoredChunk
    score: float
    reranked: float | None = None


def search(
    store: Store, model: EmbeddingModel | None, question: Question, ranker: RankModel | None = None
) -> list[Hit]:
    """The best hits, best first; the question has passed `require_question`.

    `model` may be None for mode lexical. A chunk that is changed or deleted while the search runs
    is left out. Raises InputError for a filter that cannot be read, EngineError, StoreError.
    """
    view = store.view()
    vector = None if model is None else embed_query(model, question.query)
    spread = question.per_document is not None or question.collapse is not None
    depth = max(question.k, RERANKED if ranker else 0) * (_WIDER if spread else 1)
    while True:
        found = find(view, vector, question, depth)
        places = _places(store, view, found, depth)
        if ranker:
            places = _rerank(ranker, question.query, places)
        best = list(islice(_spread(view, places, question), question.k))
        exhausted = len(found.ranking.rows) < depth or depth >= _DEEPEST
        if len(best) == question.k or not spread or exhausted:
            return [_hit(store, found, question, place) for place in best]
        depth *= _WIDER


def _places(store: Store, view: View, found: Found, depth: int) -> list[_Place]:
    rows = found.ranking.rows[:depth]
    scores = found.ranking.scores[:depth].tolist()
    ids = view.ids[rows].tolist()
    chunks = store.chunks(ids)
    triples = zip(rows.tolist(), ids, scores, strict=True)
    return [_Place(row, chunks[id], score) for row, id, score in triples if id in chunks]


def _rerank(ranker: RankModel, query: str, places: Sequence[_Place]) -> list[_Place]:
    texts = [embedded_text(place.stored.title, place.stored.chunk) for place in places]
    ranked = ranker.rank(query, texts) if texts else []
    return [replace(places[one.index], score=one.score, reranked=one.score) for one in ranked]


def _spread(view: View, places: Sequence[_Place], question: Question) -> Iterator[_Place]:
    """Leave out near-duplicates of what comes before, and what is too many of one document."""
    shown: Counter[str] = Counter()
    kept: list[NDArray[np.float32]] = []
    for place in places:
        id = place.stored.document_id
        if question.per_document is not None and shown[id] >= question.per_document:
            continue
        if question.collapse is not None:
            vector = view.vectors[place.row]
            if kept and float(np.max(np.stack(kept) @ vector)) >= question.collapse:
                continue
            kept.append(vector)
        shown[id] += 1
        yield place


def _hit(store: Store, found: Found, question: Question, place: _Place) -> Hit:
    stored, chunk = place.stored, place.stored.chunk
    return Hit(
        document_id=stored.document_id,
        chunk_id=stored.id,
        text=chunk.text,
        start=chunk.start,
        end=chunk.end,
        score=place.score,
        scores=_scores(found, place),
        metadata=stored.metadata,
        headings=chunk.headings,
        page=chunk.page,
        lines=chunk.lines,
        title=stored.title,
        context=_context(store, stored, question.context) if question.context else None,
        explanation=explain(found, question, place.row) if question.explain else None,
    )


def _scores(found: Found, place: _Place) -> dict[str, float]:
    scores = {name: arm.score_of(place.row) for name, arm in found.arms.items()}
    if len(found.arms) > 1:
        scores["fused"] = found.ranking.score_of(place.row)
    scores["rerank"] = place.reranked
    return {name: score for name, score in scores.items() if score is not None}


def _context(store: Store, stored: StoredChunk, count: int) -> Passage | None:
    """The chunk with so many neighbours on each side; None if the document has changed since."""
    document = store.document(stored.document_id)  # First: its chunks then prove that it is this.
    around = [
        other
        for other in store.document_chunks(stored.document_id)
        if abs(other.ordinal - stored.ordinal) <= count
    ]
    if document is None or all(other.id != stored.id for other in around):
        return None
    start, end = around[0].chunk.start, max(other.chunk.end for other in around)
    return Passage(start, end, document.text[start:end])
