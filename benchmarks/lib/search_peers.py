"""Measure other engines, if installed, on the same vectors, one after the other.

FAISS Flat and sqlite-vec return only row numbers, LanceDB also the text. None supports access
lists: FAISS gets a bitmap of the rows, LanceDB a list column and a condition on it.
"""

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.lib.collection import (
    DIM,
    FROM_YEAR,
    LANGUAGES,
    LANGUAGES_WANTED,
    PER_DOCUMENT,
    Collection,
)
from benchmarks.lib.exact_search import K, Truth
from benchmarks.lib.reports import TableReport
from benchmarks.lib.search_in_process import show
from benchmarks.lib.timing import WARM_UP, time_each

SECTION = "Peers, same vectors, top 10, one query at a time"
_CHECKED = 20
_BATCH = 10_000
_WANTED = ", ".join(f"'{name}'" for name in LANGUAGES_WANTED)
_WHERE = f"year >= {FROM_YEAR} AND lang IN ({_WANTED})"


@dataclass(frozen=True)
class Peer:
    """One kind of search with an engine."""

    name: str
    ask: Callable[[int], Sequence[int]]
    """Returns the numbers of chunks for a query's number, best first."""
    acl: bool = False
    filter: bool = False
    exact: bool = True
    """Whether the nearest vectors are expected; hybrid rankings are not compared."""


def measure(tables: TableReport, folder: Path, collection: Collection, *, budget_s: float) -> None:
    """Time each engine, `budget_s` at most for each way of asking it."""
    tables.section(SECTION, "p50 ms", "p95 ms")
    truth = Truth(collection)
    engines = {"faiss": _faiss, "sqlite_vec": _sqlite_vec, "lancedb": _lancedb}
    for module, engine in engines.items():
        if not find_spec(module):
            tables.skipped(module, "not installed; pip install '.[bench]'")
            continue
        place = folder / module
        place.mkdir()
        try:
            for peer in engine(place, collection):
                _measure_one(tables, peer, truth, budget_s)
        except _NotHereError as exc:
            tables.skipped(module, str(exc))
        gc.collect()


class _NotHereError(Exception):
    """An installed engine cannot be used; the message gives the reason."""


def _measure_one(tables: TableReport, peer: Peer, truth: Truth, budget_s: float) -> None:
    count = len(truth.collection.queries) - WARM_UP
    times = time_each(peer.ask, count, budget_s=budget_s)
    note = "not compared: its own ranking"
    if peer.exact:
        alike = sum(
            truth.agrees(query, peer.ask(query), acl=peer.acl, filter=peer.filter)
            for query in range(_CHECKED)
        )
        note = f"{alike} of {_CHECKED} answers exact"
    show(tables, peer.name, times, note)


def _faiss(_: Path, collection: Collection) -> Iterator[Peer]:
    faiss: Any = import_module("faiss")  # Its stubs lack its Python additions.
    index = faiss.IndexFlatIP(DIM)
    index.add(collection.vectors)

    def asker(params: Any) -> Callable[[int], Sequence[int]]:
        def ask(query: int) -> Sequence[int]:
            vector = collection.query_vectors[query : query + 1]
            found: list[int] = index.search(vector, K, params=params)[1][0].tolist()
            return found

        return ask

    yield Peer("FAISS Flat", asker(None))
    for acl, filter, name in ((False, True, "filter"), (True, True, "ACL and filter")):
        bits = np.packbits(collection.allowed(acl=acl, filter=filter), bitorder="little")
        chosen = faiss.IDSelectorBitmap(bits)
        params = faiss.SearchParameters(sel=chosen)
        yield Peer(f"FAISS Flat, {name} as a bitmap made before", asker(params), acl, filter)


def _sqlite_vec(folder: Path, collection: Collection) -> Iterator[Peer]:
    connection = _connection(folder / "vectors.sqlite")
    connection.execute(
        f"CREATE VIRTUAL TABLE chunks USING vec0(vector float[{DIM}], lang text, year integer)"
    )
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO chunks (rowid, vector, lang, year) VALUES (?, ?, ?, ?)", _rows(collection)
    )
    connection.execute("COMMIT")

    def asker(where: str) -> Callable[[int], Sequence[int]]:
        near = f"vector MATCH ? AND k = {K} {where}"
        sql = f"SELECT rowid FROM chunks WHERE {near} ORDER BY distance"  # noqa: S608

        def ask(query: int) -> Sequence[int]:
            blob = collection.query_vectors[query].tobytes()
            return [row[0] for row in connection.execute(sql, (blob,))]

        return ask

    yield Peer("sqlite-vec", asker(""))
    yield Peer("sqlite-vec, filter on metadata columns", asker(f"AND {_WHERE}"), filter=True)
    connection.close()


def _rows(collection: Collection) -> Iterator[tuple[int, bytes, str, int]]:
    for row, vector in enumerate(collection.vectors):
        document = row // PER_DOCUMENT
        language = LANGUAGES[collection.languages[document]]
        yield row, vector.tobytes(), language, int(collection.years[document])


def _connection(path: Path) -> Any:
    """Open SQLite with extensions: Python's own, or apsw if Python's was built without them."""
    import sqlite3

    import sqlite_vec

    connection: Any
    if hasattr(sqlite3.Connection, "enable_load_extension"):
        connection = sqlite3.connect(path, isolation_level=None)
    elif find_spec("apsw"):
        import apsw

        connection = apsw.Connection(str(path))
    else:
        raise _NotHereError("this Python's SQLite does not load extensions; pip install apsw")
    connection.enable_load_extension(True)
    connection.load_extension(sqlite_vec.loadable_path())
    return connection


def _lancedb(folder: Path, collection: Collection) -> Iterator[Peer]:
    os.environ.setdefault("LANCEDB_LOG", "error")  # Avoids two warnings per search on stderr.
    import lancedb

    table = lancedb.connect(folder).create_table(
        "chunks", _batches(collection), schema=_arrow_schema()
    )
    groups = ", ".join(f"'{name}'" for name in collection.principals)
    both = f"{_WHERE} AND array_has_any(acl, make_array({groups}))"

    def finish(search: Any, where: str | None) -> Sequence[int]:
        search = search.where(where, prefilter=True) if where else search
        rows = search.select(["id", "text"]).limit(K).to_list()
        return [int(row["id"]) for row in rows]

    def dense(where: str | None) -> Callable[[int], Sequence[int]]:
        vectors = collection.query_vectors
        return lambda query: finish(table.search(vectors[query]).distance_type("dot"), where)

    def hybrid(where: str | None) -> Callable[[int], Sequence[int]]:
        def ask(query: int) -> Sequence[int]:
            search = table.search(query_type="hybrid").vector(collection.query_vectors[query])
            text = collection.queries[query]
            return finish(search.text(text).distance_type("dot"), where)

        return ask

    yield Peer("LanceDB", dense(None))
    yield Peer("LanceDB, filter", dense(_WHERE), filter=True)
    yield Peer("LanceDB, ACL and filter", dense(both), acl=True, filter=True)
    table.create_fts_index("text")
    table.wait_for_index(["text_idx"])
    yield Peer("LanceDB hybrid", hybrid(None), exact=False)
    yield Peer("LanceDB hybrid, ACL and filter", hybrid(both), exact=False)


def _arrow_schema() -> Any:
    import pyarrow as pa

    return pa.schema(
        {
            "id": pa.int64(),
            "vector": pa.list_(pa.float32(), DIM),
            "text": pa.string(),
            "lang": pa.string(),
            "year": pa.int64(),
            "acl": pa.list_(pa.string()),
        }
    )


def _batches(collection: Collection) -> Iterator[Any]:
    import pyarrow as pa

    texts = collection.texts()
    for begin in range(0, collection.chunks, _BATCH):
        rows = range(begin, min(begin + _BATCH, collection.chunks))
        documents = [row // PER_DOCUMENT for row in rows]
        flat = pa.array(collection.vectors[begin : rows.stop].reshape(-1))
        yield pa.record_batch(
            [
                pa.array(rows, pa.int64()),
                pa.FixedSizeListArray.from_arrays(flat, DIM),
                pa.array(list(islice(texts, len(rows)))),
                pa.array([LANGUAGES[collection.languages[number]] for number in documents]),
                pa.array([int(collection.years[number]) for number in documents]),
                pa.array([collection.acl(number) for number in documents]),
            ],
            schema=_arrow_schema(),
        )
