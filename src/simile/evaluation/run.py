"""Evaluate the arms of a search on judged queries, and test which differences are noise.

Documents are ranked by their best chunk. Takes a search function; knows neither index nor models.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from simile.errors import InputError
from simile.evaluation import metrics
from simile.evaluation.judged import Judged
from simile.evaluation.metrics import Span
from simile.evaluation.significance import NOISE, p_values
from simile.protocols import EmbeddingModel, RankModel
from simile.retrieval.ranking import CANDIDATES, Mode
from simile.types import Hit

Arm = Literal["dense", "lexical", "hybrid", "rerank"]
ARMS: tuple[Arm, ...] = ("dense", "lexical", "hybrid")
DEPTH = CANDIDATES
"""Number of chunks retrieved per query."""
Progress = Callable[[int, int], None]
"""Called with the numbers of queries done and in total."""
Search = Callable[[Judged, Arm, int], Sequence[Hit]]
"""Returns an arm's best chunks for a judged query, best first, at most this many."""
Scores = NDArray[np.float64]
"""float64 (queries,), in query order; NaN for queries without a judgment of this kind."""

METRICS: dict[str, Callable[[Sequence[str], Judged], float]] = {
    "ndcg@10": lambda ids, judged: metrics.ndcg(ids, judged.relevant, 10),
    "recall@100": lambda ids, judged: metrics.recall(ids, judged.relevant, 100),
    "mrr": lambda ids, judged: metrics.reciprocal_rank(ids, judged.relevant),
    "map": lambda ids, judged: metrics.average_precision(ids, judged.relevant),
    "precision@10": lambda ids, judged: metrics.precision(ids, judged.relevant, 10),
    "hit@10": lambda ids, judged: metrics.hit(ids, judged.relevant, 10),
}
"""Metrics of ranked document ids; MAP and MRR use the whole ranking."""
SPAN_METRICS: dict[str, Callable[[Sequence[Span], Judged], float]] = {
    "span_recall@10": lambda spans, judged: metrics.span_recall(spans[:10], judged.spans),
    "span_precision@10": lambda spans, judged: metrics.span_precision(spans[:10], judged.spans),
}
"""Metrics of ranked chunks, for queries with judged spans."""


@dataclass(frozen=True)
class Difference:
    """The mean difference between two arms over the queries, with its p-value."""

    difference: float
    p: float

    @property
    def noise(self) -> bool:
        """Whether the difference is indistinguishable from chance."""
        return self.p >= NOISE


@dataclass(frozen=True)
class Evaluation:
    """The scores of each arm."""

    queries: int
    scores: Mapping[Arm, Mapping[str, Scores]]
    """Each query's score, by arm and metric."""

    def means(self) -> dict[Arm, dict[str, float]]:
        """Return the mean over the queries, by arm and metric."""
        of_arms = self.scores.items()
        return {arm: {name: mean(of[name]) for name in of} for arm, of in of_arms}

    def significance(self) -> dict[str, dict[str, Difference]]:
        """Compare every arm with those before it, by `hybrid vs dense` and metric."""
        pairs = list(combinations(self.scores, 2))
        if not pairs:
            return {}
        names = list(self.scores[pairs[0][0]])
        by_pair = [
            [self.scores[other][name] - self.scores[one][name] for name in names]
            for one, other in pairs
        ]
        columns = np.stack([column for of in by_pair for column in of], axis=1)
        chances = p_values(columns).reshape(len(pairs), len(names)).tolist()
        told: dict[str, dict[str, Difference]] = {}
        for (one, other), of, ps in zip(pairs, by_pair, chances, strict=True):
            differences = [Difference(mean(by), p) for by, p in zip(of, ps, strict=True)]
            told[f"{other} vs {one}"] = dict(zip(names, differences, strict=True))
        return told

    def to_json(self) -> str:
        """Format as `{"arms": {"dense": {"ndcg@10": …}}, "queries": …, "significance": …}`."""
        compared = {
            pair: {name: {"difference": of.difference, "p": of.p} for name, of in by.items()}
            for pair, by in self.significance().items()
        }
        told = {"arms": self.means(), "queries": self.queries, "significance": compared}
        return json.dumps(told)


class IndexSearch(Protocol):
    """The part of `Index.search` that an evaluation needs."""

    def __call__(
        self,
        query: str,
        *,
        k: int,
        mode: Mode,
        principals: Iterable[str],
        filter: str | None,
        rerank: RankModel | EmbeddingModel | str | None,
    ) -> list[Hit]:
        """Return the k best chunks, best first."""
        ...


def searching(
    search: IndexSearch,
    *,
    principals: Iterable[str] = (),
    rerank: RankModel | EmbeddingModel | str | None = None,
) -> Search:
    """Adapt `Index.search` to search by arm; a query's own principals replace the given ones."""
    default = frozenset(principals)

    def of_arm(judged: Judged, arm: Arm, k: int) -> Sequence[Hit]:
        ranker = rerank if arm == "rerank" else None
        mode: Mode = "hybrid" if arm == "rerank" else arm
        who = judged.principals or default
        return search(
            judged.query, k=k, mode=mode, principals=who, filter=judged.filter, rerank=ranker
        )

    return of_arm


def evaluate(
    judged: Sequence[Judged],
    search: Search,
    *,
    arms: Sequence[Arm] = ARMS,
    depth: int = DEPTH,
    progress: Progress = lambda done, total: None,
) -> Evaluation:
    """Search once per query and arm. Blocks. Raises InputError without queries or arms."""
    if not judged or not arms:
        raise InputError(
            f"{len(judged)} judged queries, {len(arms)} arms; expected at least one of each"
        )
    names = [*METRICS, *(SPAN_METRICS if any(one.spans for one in judged) else ())]
    scores = {arm: {name: np.full(len(judged), np.nan) for name in names} for arm in arms}
    for place, one in enumerate(judged):
        for arm in arms:
            hits = search(one, arm, depth)
            spans = [Span(hit.document_id, hit.start, hit.end) for hit in hits]
            for name, value in measure(one, spans, names).items():
                scores[arm][name][place] = value
        progress(place + 1, len(judged))
    return Evaluation(len(judged), scores)


def measure(judged: Judged, chunks: Sequence[Span], names: Iterable[str]) -> dict[str, float]:
    """Return metrics of ranked chunks, best first; NaN for span metrics without judged spans."""
    ids = list(dict.fromkeys(chunk.document_id for chunk in chunks))
    found = {}
    for name in names:
        if name in METRICS:
            found[name] = METRICS[name](ids, judged)
        else:
            found[name] = SPAN_METRICS[name](chunks, judged) if judged.spans else np.nan
    return found


def mean(scores: Scores) -> float:
    """Return the mean over the queries with a judgment of this kind."""
    return float(np.nanmean(scores))
