"""Export an index to Parquet, NumPy with NDJSON, or FAISS.

Writes only what the principals may read, in blocks; a file appears once it is complete. Each row
names its readers, since the index no longer enforces them. Libraries of extras are imported late.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from simile.errors import InputError, StoreError
from simile.extras import optional
from simile.output_file import writing
from simile.store import Store, StoredChunk, View
from simile.types import Embeddings

_BLOCK = 4096
_Block = tuple[NDArray[np.intp], list[StoredChunk]]


def export(store: Store, path: Path, principals: frozenset[str] | None) -> int:
    """Write chunks and vectors; return how many. With `principals` None, export everything."""
    writers = {".parquet": _parquet, ".faiss": _faiss}
    if path.suffix.lower() not in writers and path.suffix and not path.is_dir():
        raise InputError(f"{path}: expected a name ending in .parquet or .faiss, or a folder")
    if path.suffix.lower() not in writers and path.exists() and not path.is_dir():
        raise StoreError(f"{path} cannot be written: it is not a folder, nor .parquet or .faiss")
    write = writers.get(path.suffix.lower(), _folder)
    view = store.view()
    rows = _rows(view, principals)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return write(path, view, _blocks(store, view, rows))
    except InputError as exc:
        raise StoreError(f"{path} cannot be written: {exc}") from exc
    except OSError as exc:
        raise StoreError(f"{path} cannot be written: {exc}") from exc


def stored_vectors(
    store: Store, principals: frozenset[str] | None
) -> Iterator[tuple[Embeddings, list[StoredChunk]]]:
    """Yield blocks of vectors, float32 (some, dim), and chunks; `principals` as for `export`."""
    view = store.view()
    for rows, chunks in _blocks(store, view, _rows(view, principals)):
        yield view.vectors[rows], chunks


def _rows(view: View, principals: frozenset[str] | None) -> NDArray[np.intp]:
    return np.arange(len(view.ids)) if principals is None else view.allowed(principals).nonzero()[0]


def _blocks(store: Store, view: View, rows: NDArray[np.intp]) -> Iterator[_Block]:
    """Yield the rows whose chunks still exist, and the chunks."""
    for begin in range(0, len(rows), _BLOCK):
        part = rows[begin : begin + _BLOCK]
        ids = view.ids[part].tolist()
        chunks = store.chunks(ids)
        there = [place for place, id in enumerate(ids) if id in chunks]
        yield part[there], [chunks[ids[place]] for place in there]


_NUMBERS = ("chunk_id", "start", "end", "first_line", "last_line", "page")
_COLUMNS = (
    *("document_id", "title", "text", "headings", "metadata", "acl"),
    *_NUMBERS,
)


def fields(stored: StoredChunk) -> dict[str, object]:
    """Return a chunk as a table row, without its vector."""
    chunk = stored.chunk
    return {
        "chunk_id": stored.id,
        "document_id": stored.document_id,
        "title": stored.title,
        "text": chunk.text,
        "start": chunk.start,
        "end": chunk.end,
        "first_line": chunk.lines[0],
        "last_line": chunk.lines[1],
        "page": chunk.page,
        "headings": list(chunk.headings),
        "metadata": {name: _number(value) for name, value in stored.metadata.items()},
        "acl": list(stored.acl),
    }


def _number(value: object) -> object:
    """Return integers beyond 64 bits as JSON fragments, since orjson rejects them."""
    return orjson.Fragment(str(value)) if isinstance(value, int) and abs(value) >> 63 else value


def _folder(path: Path, view: View, blocks: Iterator[_Block]) -> int:
    path.mkdir(exist_ok=True)
    with writing(path / "vectors.npy") as vectors, writing(path / "chunks.ndjson") as texts:
        rows = _ndjson(texts, blocks)
        _npy(vectors, view, rows)
    return len(rows)


def _npy(path: Path, view: View, rows: NDArray[np.intp]) -> None:
    with path.open("wb") as file:
        shape = (len(rows), view.vectors.shape[1])
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for begin in range(0, len(rows), _BLOCK):
            file.write(view.vectors[rows[begin : begin + _BLOCK]].astype("<f4").tobytes())


def _ndjson(path: Path, blocks: Iterator[_Block]) -> NDArray[np.intp]:
    """Write a line for each chunk; return their rows."""
    written = [np.empty(0, np.intp)]
    with path.open("wb") as file:
        for rows, chunks in blocks:
            written.append(rows)
            file.writelines(orjson.dumps(fields(chunk)) + b"\n" for chunk in chunks)
    return np.concatenate(written)


def _parquet(path: Path, view: View, blocks: Iterator[_Block]) -> int:
    arrow, parquet = (
        optional("pyarrow", extra="parquet"),
        optional("pyarrow.parquet", extra="parquet"),
    )
    text, whole = arrow.string(), arrow.int64()
    types = dict.fromkeys(_NUMBERS, whole) | dict.fromkeys(("headings", "acl"), arrow.list_(text))
    names = [*_COLUMNS, "vector"]
    types["vector"] = arrow.list_(arrow.float32(), view.vectors.shape[1])
    schema = arrow.schema([(name, types.get(name, text)) for name in names])
    count = 0
    with writing(path) as aside, parquet.ParquetWriter(aside, schema) as writer:
        for rows, chunks in blocks:
            table = [fields(chunk) for chunk in chunks]
            columns = {name: [row[name] for row in table] for name in _COLUMNS}
            columns["metadata"] = [orjson.dumps(value).decode() for value in columns["metadata"]]
            columns["vector"] = list(view.vectors[rows])
            writer.write_table(arrow.table(columns, schema=schema))
            count += len(rows)
    return count


def _faiss(path: Path, view: View, blocks: Iterator[_Block]) -> int:
    faiss = optional("faiss", extra="faiss")
    index = faiss.IndexIDMap2(faiss.IndexFlatIP(view.vectors.shape[1]))
    with writing(path) as aside, writing(path.with_suffix(".ndjson")) as texts:
        rows = _ndjson(texts, blocks)
        for begin in range(0, len(rows), _BLOCK):
            part = rows[begin : begin + _BLOCK]
            index.add_with_ids(np.ascontiguousarray(view.vectors[part]), view.ids[part])
        try:
            faiss.write_index(index, str(aside))
        except RuntimeError as exc:  # FAISS reports disk errors as these
            raise StoreError(f"{path} cannot be written: {exc}") from exc
    return len(rows)
