"""The matrix that searches scan: vectors of all chunks and their codes, in memory-mapped files.

Derived from SQLite, and labeled with its generation. Data files only grow beyond the rows that
the head counts, so a reader's map stays valid; a rebuilt matrix gets new file names.
"""

import os
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from simile.store.codes import Codes, encode
from simile.store.files import is_sound
from simile.store.folder import is_own
from simile.store.heads import read_head, write_head
from simile.store.reader import StoreReader
from simile.types import Embeddings

HEAD = "vectors.head"
_FORMAT = 2
_DEAD_SHARE = 0.25
_TRIES = 5
_KINDS = ("f32", "ids", "i8", "bounds")


@dataclass(frozen=True)
class Matrix:
    """Rows in ascending order of chunk id; deleted rows stay, not alive, until a rebuild."""

    generation: int
    ids: NDArray[np.int64]
    document_rows: NDArray[np.int64]
    vectors: Embeddings
    codes: Codes
    alive: NDArray[np.bool_]


def update_matrix(folder: Path, source: StoreReader, *, rebuild: bool = False) -> Matrix:
    """Update the folder's matrix to the source's generation. The caller must hold the lock."""
    head = None if rebuild else _usable_head(folder, source)
    if head is None:
        return _rebuild(folder, source)
    fields, tail = head
    if fields["generation"] == source.generation:
        return _load(folder, fields, tail)
    ids = _map(_file(folder, fields, "ids"), np.int64, (fields["rows"], 2))[:, 0]
    alive = _alive(fields, tail)
    alive[np.searchsorted(ids, np.intersect1d(source.dead(fields["generation"]), ids))] = False
    dead = int(alive.size - alive.sum())
    if dead > _DEAD_SHARE * max(alive.size, 4000):
        return _rebuild(folder, source)
    return _extend(folder, source, fields, alive)


def load_matrix(folder: Path, source: StoreReader, *, thorough: bool = False) -> Matrix | None:
    """Load the folder's matrix of a generation that the source remembers.

    Returns None if it is missing, older or damaged; `thorough` reads all of it to know.
    """
    for _ in range(_TRIES):
        head = _sound_head(folder, source, thorough=thorough)
        if head is None:
            return None
        with suppress(OSError, ValueError):  # a writer has just replaced the files
            return _load(folder, *head)
    return None


def is_older(folder: Path) -> bool:
    """Return whether the folder's matrix is in the format of another version of simile."""
    head = read_head(folder / HEAD)
    return head is not None and head[0].get("format") != _FORMAT


def matrix_in_memory(source: StoreReader) -> Matrix:
    """Build the matrix in memory, for readers that cannot write to the folder now."""
    pairs, blobs = [np.empty((0, 2), np.int64)], [b""]
    for part, blob in source.vectors(0):
        pairs.append(part)
        blobs.append(blob)
    both = np.concatenate(pairs)
    vectors = np.frombuffer(b"".join(blobs), np.float32).reshape(len(both), source.dim)
    alive = np.ones(len(both), np.bool_)
    ids, documents = both.T.copy()
    return Matrix(source.generation, ids, documents, vectors, encode(vectors), alive)


def _rebuild(folder: Path, source: StoreReader) -> Matrix:
    base = f"{source.generation}-{os.urandom(4).hex()}"
    fields = {"index": source.index, "dim": source.dim, "rows": 0, "last_id": 0, "base": base}
    fields |= {"format": _FORMAT} | {f"crc_{kind}": 0 for kind in _KINDS}
    for kind in _KINDS:
        _file(folder, fields, kind).touch()
    matrix = _extend(folder, source, fields, np.ones(0, np.bool_))
    for old in folder.glob("vectors-*"):
        if base not in old.name and is_own(folder, old):
            with suppress(OSError):  # mapped by a reader on Windows; the next rebuild retries
                old.unlink()
    return matrix


def _extend(
    folder: Path, source: StoreReader, fields: dict[str, Any], alive: NDArray[np.bool_]
) -> Matrix:
    new = fields | {"last_id": source.last_id, **source.mark}
    paths = {kind: _file(folder, fields, kind) for kind in _KINDS}
    sizes = _row_sizes(fields)
    with ExitStack() as stack:
        files = {kind: stack.enter_context(paths[kind].open("r+b")) for kind in _KINDS}
        for kind, file in files.items():
            file.seek(fields["rows"] * sizes[kind])
        for rows, blobs in _blocks(source, fields["last_id"]):
            new["rows"] += rows
            for kind, blob in blobs.items():
                files[kind].write(blob)
                new[f"crc_{kind}"] = zlib.crc32(blob, new[f"crc_{kind}"])
        for file in files.values():
            _sync(file)
    alive = np.concatenate([alive, np.ones(new["rows"] - alive.size, np.bool_)])
    new["mtimes"] = {kind: path.stat().st_mtime_ns for kind, path in paths.items()}
    tail = np.packbits(alive).tobytes()
    write_head(folder / HEAD, new, tail)
    return _load(folder, new, tail)


def _blocks(source: StoreReader, after: int) -> Iterator[tuple[int, dict[str, bytes]]]:
    """Yield the number of rows and the bytes to append to each file."""
    for pairs, blob in source.vectors(after):
        codes = encode(np.frombuffer(blob, np.float32).reshape(len(pairs), source.dim))
        new = (blob, pairs.tobytes(), codes.values.tobytes(), codes.bounds.T.tobytes())
        yield len(pairs), dict(zip(_KINDS, new, strict=True))


def _row_sizes(fields: dict[str, Any]) -> dict[str, int]:
    dim = fields["dim"]
    return dict(zip(_KINDS, (dim * 4, 16, dim, 12), strict=True))


def _usable_head(folder: Path, source: StoreReader) -> tuple[dict[str, Any], bytes] | None:
    head = _sound_head(folder, source)
    if head is None or not source.knows_dead_since(head[0]["generation"]):
        return None
    return head if head[0]["dim"] == source.dim else None


def _sound_head(
    folder: Path, source: StoreReader, *, thorough: bool = False
) -> tuple[dict[str, Any], bytes] | None:
    head = read_head(folder / HEAD)
    if head is None or head[0].get("index") != source.index or head[0].get("format") != _FORMAT:
        return None
    fields = head[0]
    try:
        if not source.remembers(fields):
            return None
        for kind, row_size in _row_sizes(fields).items():
            path, size = _file(folder, fields, kind), fields["rows"] * row_size
            crc, changed_ns = fields[f"crc_{kind}"], fields["mtimes"][kind]
            if (
                path.parent != folder
                or not is_own(folder, path)
                or not is_sound(path, size=size, crc=crc, changed_ns=changed_ns, thorough=thorough)
            ):
                return None
    except (KeyError, TypeError, ValueError):
        return None
    return head


def _load(folder: Path, fields: dict[str, Any], tail: bytes) -> Matrix:
    rows, dim = fields["rows"], fields["dim"]
    floats, pairs, codes, bounds = (_file(folder, fields, kind) for kind in _KINDS)
    ids, documents = _map(pairs, np.int64, (rows, 2)).T.copy()
    kept = Codes(
        _map(codes, np.int8, (rows, dim)), _map(bounds, np.float32, (rows, 3)).T.copy(order="C")
    )
    vectors, alive = _map(floats, np.float32, (rows, dim)), _alive(fields, tail)
    return Matrix(fields["generation"], ids, documents, vectors, kept, alive)


def _alive(fields: dict[str, Any], tail: bytes) -> NDArray[np.bool_]:
    bits = np.unpackbits(np.frombuffer(tail, np.uint8), count=fields["rows"])
    return bits.astype(np.bool_)


def _map(path: Path, dtype: Any, shape: tuple[int, int]) -> NDArray[Any]:
    if 0 in shape:
        return np.empty(shape, dtype)
    return np.asarray(np.memmap(path, dtype, "r", shape=shape))


def _file(folder: Path, fields: dict[str, Any], kind: str) -> Path:
    return folder / f"vectors-{fields['base']}.{kind}"


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
