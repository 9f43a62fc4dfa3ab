"""Measure a warm `Index.search` in this process: latency of each kind, and whether it is exact.

Query vectors are precomputed, so the time covers everything else: access list, filter, both arms,
fusion, and the texts of the hits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from benchmarks.lib.collection import EVERYONE, FILTER, Collection
from benchmarks.lib.exact_bm25 import LexicalTruth
from benchmarks.lib.exact_search import K, Truth
from benchmarks.lib.reports import TableReport
from benchmarks.lib.timing import WARM_UP, Latencies, time_each
from numpy.typing import NDArray

from simile.index import Index
from simile.protocols import EmbeddingModel
from simile.retrieval.ranking import Mode
from simile.store import SqliteStore
from simile.types import Hit

SECTION = "simile, warm: Index.search(query, k=10)"
_EXACT = "simile, the same answers as the slow way"
CHECKED = 50
"""Number of queries whose results are compared with brute force."""
_CHECKED = ((False, False), (True, False), (True, True))
"""Combinations of ACL and filter."""
_SCORES_ALIKE = 1e-5


@dataclass(frozen=True)
class Case:
    """A kind of search."""

    mode: Mode
    acl: bool = False
    filter: bool = False

    @property
    def name(self) -> str:
        """The name of the kind."""
        return self.mode + " + ACL" * self.acl + " + filter" * self.filter


CASES = (
    Case("dense"), Case("lexical"), Case("hybrid"), Case("hybrid", acl=True),
    Case("hybrid", acl=True, filter=True), Case("dense", filter=True),
    Case("dense", acl=True, filter=True), Case("lexical", acl=True, filter=True),
)  # fmt: skip


@dataclass(frozen=True)
class Searcher:
    """An open index of a collection."""

    index: Index
    collection: Collection

    def search(self, case: Case, query: int) -> list[Hit]:
        """Return the K best hits."""
        return self.index.search(
            self.collection.queries[query],
            k=K,
            mode=case.mode,
            principals=self.collection.principals if case.acl else [EVERYONE],
            filter=FILTER if case.filter else None,
        )


def measure(
    tables: TableReport, folder: Path, collection: Collection, model: EmbeddingModel
) -> None:
    """Time every kind of search."""
    tables.section(SECTION, "p50 ms", "p95 ms")
    _time(tables, folder, collection, model, CASES)


def measure_again(
    tables: TableReport, folder: Path, collection: Collection, model: EmbeddingModel
) -> None:
    """Measure again after everything else, to show drift of the machine."""
    tables.section(f"{SECTION}, again at the end", "p50 ms", "p95 ms")
    _time(tables, folder, collection, model, [case for case in CASES if case.mode == "hybrid"])


def _time(
    tables: TableReport,
    folder: Path,
    collection: Collection,
    model: EmbeddingModel,
    cases: Sequence[Case],
) -> None:
    with Index(folder, embedder=model) as index:
        searcher = Searcher(index, collection)
        for case in cases:
            times = time_each(partial(searcher.search, case), len(collection.queries) - WARM_UP)
            share = collection.allowed(acl=case.acl, filter=case.filter).mean()
            show(tables, case.name, times, f"{100 * share:.0f} % of the chunks admitted")


def show(tables: TableReport, name: str, times: Latencies, note: str) -> None:
    """A row of latencies."""
    note = f"{note}; {len(times.each)} queries, {times.cores:.2f} cores busy"
    tables.row(name, times.percentile(50), times.percentile(95), note=note)


def check(tables: TableReport, folder: Path, collection: Collection, model: EmbeddingModel) -> None:
    """Compare both arms with the slow way, in float64."""
    tables.section(_EXACT, "queries", "alike")
    count = min(CHECKED, len(collection.queries))
    truth, store = Truth(collection), SqliteStore(folder)
    ids = store.view().ids
    with Index(folder, embedder=model) as index:
        searcher = Searcher(index, collection)
        for acl, filter in _CHECKED:
            case = Case("dense", acl, filter)
            alike = sum(
                truth.agrees(
                    query, _rows(ids, searcher.search(case, query)), acl=acl, filter=filter
                )
                for query in range(count)
            )
            tables.row(case.name, count, alike, note="against float64 products")
        _check_lexical(tables, searcher, ids, count)
    store.close()


def _check_lexical(
    tables: TableReport, searcher: Searcher, ids: NDArray[np.int64], count: int
) -> None:
    collection = searcher.collection
    truth = LexicalTruth(collection, collection.queries[:count])
    for acl, filter in _CHECKED:
        case, alike = Case("lexical", acl, filter), 0
        admitted = collection.allowed(acl=acl, filter=filter)
        for query in range(count):
            scores = np.where(admitted, truth.scores(collection.queries[query], acl=acl), 0)
            hits = searcher.search(case, query)
            best = np.sort(scores)[::-1][: len(hits)]
            told = [hit.score for hit in hits]
            near = np.allclose(told, best, rtol=_SCORES_ALIKE)
            alike += near and np.allclose(told, scores[_rows(ids, hits)], rtol=_SCORES_ALIKE)
        tables.row(case.name, count, alike, note="against float64 scores of all readable chunks")


def _rows(ids: NDArray[np.int64], hits: list[Hit]) -> list[int]:
    """Return the chunks' numbers in the collection, which was written in order."""
    rows: list[int] = np.searchsorted(ids, [hit.chunk_id for hit in hits]).tolist()
    return rows
