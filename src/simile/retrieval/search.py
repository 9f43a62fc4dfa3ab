"""Turn ranked rows into hits: drop near-duplicates, rerank, fetch texts and neighbors.

Near-duplicates and surplus chunks of one document are removed before reranking, which is slow, so
the limits hold whatever order the reranker returns.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from simile.documents import embedded_text
from simile.errors import EngineError
from simile.protocols import EmbeddingModel, RankModel
from simile.retrieval.ranking import Question, RankedRows, embed_query, explain, find, tuned
from simile.retrieval.recipe import require_model
from simile.store import Store, StoredChunk, View
from simile.types import Hit, Passage

RERANKED = 50
"""Candidates that a reranker sees; more if more hits are requested."""
_WIDER = 4
_DEEPEST = 20_000
"""Most candidates considered, if many are near-duplicates; then fewer hits are returned."""
_ROUNDING = 1e-6
"""How far the cosine of a vector to itself may be below 1."""


@dataclass(frozen=True)
class _Place:
    row: int
    stored: StoredChunk
    score: float
    reranked: float | None = None


def search(
    store: Store, model: EmbeddingModel | None, question: Question, ranker: RankModel | None = None
) -> list[Hit]:
    """Return the best hits, best first; the question must have passed `require_question`.

    `model` may be None in lexical mode. A chunk that is changed or deleted during the search is
    left out. Raises FingerprintError, EngineError, StoreError.
    """
    question = tuned(question, store.meta())
    vector = None
    if model is not None and question.mode != "lexical":
        require_model(store.meta(), model)
        vector = embed_query(model, question.query)
    wanted = max(question.k, RERANKED if ranker else 0)
    view = store.view()
    while True:
        if model is not None and vector is not None:
            require_model(store.meta(), model)  # again: a reindex may have finished meanwhile
        found, best = _ranked(store, view, vector, question, wanted)
        if best or store.view() is view:
            break
        view = store.view()  # the content was replaced meanwhile: search the new one
    if ranker:
        best = _rerank(ranker, question.query, best)
    return [_hit(store, found, question, place) for place in best[: question.k]]


def _ranked(
    store: Store,
    view: View,
    vector: NDArray[np.float32] | None,
    question: Question,
    wanted: int,
) -> tuple[RankedRows, list[_Place]]:
    """Return the `wanted` best, going deeper into the ranking to replace dropped ones."""
    spread = question.per_document is not None or question.collapse is not None
    depth = max(wanted, min(wanted * _WIDER, question.candidates)) if spread else wanted
    while True:
        found = find(view, vector, question, depth)
        places = _places(store, view, found, depth)
        best = list(islice(_spread(view, places, question, wanted), wanted))
        exhausted = len(found.ranking.rows) < depth or depth >= _DEEPEST
        if len(best) >= wanted or not spread or exhausted:
            return found, best
        depth = min(depth * _WIDER, _DEEPEST)


def _places(store: Store, view: View, found: RankedRows, depth: int) -> list[_Place]:
    rows = found.ranking.rows[:depth]
    scores = found.ranking.scores[:depth].tolist()
    ids = view.ids[rows].tolist()
    chunks = store.chunks(ids)
    triples = zip(rows.tolist(), ids, scores, strict=True)
    return [_Place(row, chunks[id], score) for row, id, score in triples if id in chunks]


def _rerank(ranker: RankModel, query: str, places: Sequence[_Place]) -> list[_Place]:
    texts = [embedded_text(place.stored.title, place.stored.chunk) for place in places]
    ranked = ranker.rank(query, texts) if texts else []
    order = [one.index for one in ranked]
    if len(set(order)) < len(order) or not set(order) <= set(range(len(texts))):
        raise EngineError(f"{ranker.name} returned invalid indexes for its {len(texts)} texts")
    scores = [float(one.score) for one in ranked]
    if not all(map(math.isfinite, scores)):
        raise EngineError(f"{ranker.name} returned a score that is not finite")
    pairs = zip(order, scores, strict=True)
    return [replace(places[index], score=score, reranked=score) for index, score in pairs]


def _spread(
    view: View, places: Sequence[_Place], question: Question, most: int
) -> Iterator[_Place]:
    """Yield places without near-duplicates of earlier ones and surplus ones of a document.

    At most `most` may be consumed.
    """
    shown: Counter[str] = Counter()
    kept, count = np.empty((most, view.vectors.shape[1]), np.float32), 0
    for place in places:
        id = place.stored.document_id
        if question.per_document is not None and shown[id] >= question.per_document:
            continue
        if question.collapse is not None:
            vector = view.vectors[place.row]
            nearest = np.max(kept[:count] @ vector, initial=-np.inf)
            if nearest >= question.collapse - _ROUNDING:
                continue
            kept[count] = vector
            count += 1
        shown[id] += 1
        yield place


def _hit(store: Store, found: RankedRows, question: Question, place: _Place) -> Hit:
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


def _scores(found: RankedRows, place: _Place) -> dict[str, float]:
    scores = {name: arm.score_of(place.row) for name, arm in found.arms.items()}
    if len(found.arms) > 1:
        scores["fused"] = found.ranking.score_of(place.row)
    scores["rerank"] = place.reranked
    return {name: score for name, score in scores.items() if score is not None}


def _context(store: Store, stored: StoredChunk, count: int) -> Passage | None:
    """Return the chunk with `count` neighbors on each side; None if the document has changed."""
    document = store.document(stored.document_id)  # before its chunks, which then confirm it
    around = [
        other
        for other in store.document_chunks(stored.document_id)
        if abs(other.ordinal - stored.ordinal) <= count
    ]
    if document is None or all(other.id != stored.id for other in around):
        return None
    start, end = around[0].chunk.start, max(other.chunk.end for other in around)
    return Passage(start, end, document.text[start:end])
