"""The matrix that searches scan: vectors of all chunks in one memory-mapped file.

Derived from SQLite, and carries the generation it shows. Data files only grow behind the rows
that a head counts, so a reader's map stays true; a rebuilt matrix gets a file of another name.
"""

import os
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from simile.store.heads import read_head, write_head
from simile.store.source import Source
from simile.types import Embeddings

HEAD = "vectors.head"
_DEAD_SHARE = 0.25
_PAIR_BYTES = 16


@dataclass(frozen=True)
class Matrix:
    """Rows in ascending order of chunk id; deleted ones stay, not alive, until a rebuild."""

    generation: int
    ids: NDArray[np.int64]
    document_rows: NDArray[np.int64]
    vectors: Embeddings
    alive: NDArray[np.bool_]


def update_matrix(folder: Path, source: Source, *, rebuild: bool = False) -> Matrix:
    """Bring the folder's matrix to the source's generation. Only for the holder of the lock."""
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


def load_matrix(folder: Path, index: str) -> Matrix | None:
    """The folder's matrix of whatever generation; None where missing or damaged."""
    head = _sound_head(folder, index)
    return None if head is None else _load(folder, *head)


def matrix_in_memory(source: Source) -> Matrix:
    """The same matrix without a file, for readers of a folder they cannot write now."""
    pairs, blobs = [np.empty((0, 2), np.int64)], [b""]
    for part, blob in source.vectors(0):
        pairs.append(part)
        blobs.append(blob)
    both = np.concatenate(pairs)
    vectors = np.frombuffer(b"".join(blobs), np.float32).reshape(len(both), source.dim)
    alive = np.ones(len(both), np.bool_)
    return Matrix(source.generation, both[:, 0].copy(), both[:, 1].copy(), vectors, alive)


def _rebuild(folder: Path, source: Source) -> Matrix:
    base = f"{source.generation}-{os.urandom(4).hex()}"
    fields = {"index": source.index, "dim": source.dim, "rows": 0, "last_id": 0, "base": base}
    fields |= {"crc_f32": 0, "crc_ids": 0}
    for kind in ("f32", "ids"):
        _file(folder, fields, kind).touch()
    matrix = _extend(folder, source, fields, np.ones(0, np.bool_))
    for old in folder.glob("vectors-*"):
        if base not in old.name:
            with suppress(OSError):  # mapped by a reader on Windows; the next rebuild tries again
                old.unlink()
    return matrix


def _extend(
    folder: Path, source: Source, fields: dict[str, Any], alive: NDArray[np.bool_]
) -> Matrix:
    rows, floats_crc, ids_crc = fields["rows"], fields["crc_f32"], fields["crc_ids"]
    floats, ids = _file(folder, fields, "f32"), _file(folder, fields, "ids")
    with floats.open("r+b") as floats_file, ids.open("r+b") as ids_file:
        floats_file.seek(rows * source.dim * 4)
        ids_file.seek(rows * _PAIR_BYTES)
        for pairs, blob in source.vectors(fields["last_id"]):
            floats_file.write(blob)
            ids_file.write(pairs.tobytes())
            floats_crc, ids_crc = zlib.crc32(blob, floats_crc), zlib.crc32(pairs.tobytes(), ids_crc)
            rows += len(pairs)
        _sync(floats_file)
        _sync(ids_file)
    alive = np.concatenate([alive, np.ones(rows - alive.size, np.bool_)])
    new = fields | {"generation": source.generation, "last_id": source.last_id, "rows": rows}
    new |= {"crc_f32": floats_crc, "crc_ids": ids_crc}
    new |= {"mtimes": [floats.stat().st_mtime_ns, ids.stat().st_mtime_ns]}
    tail = np.packbits(alive).tobytes()
    write_head(folder / HEAD, new, tail)
    return _load(folder, new, tail)


def _usable_head(folder: Path, source: Source) -> tuple[dict[str, Any], bytes] | None:
    head = _sound_head(folder, source.index)
    if head is None or not source.knows_dead_since(head[0]["generation"]):
        return None
    return head if head[0]["dim"] == source.dim else None


def _sound_head(folder: Path, index: str) -> tuple[dict[str, Any], bytes] | None:
    head = read_head(folder / HEAD)
    if head is None or head[0].get("index") != index:
        return None
    fields = head[0]
    sizes = {"f32": fields["rows"] * fields["dim"] * 4, "ids": fields["rows"] * _PAIR_BYTES}
    for (kind, size), mtime in zip(sizes.items(), fields["mtimes"], strict=True):
        path = _file(folder, fields, kind)
        try:
            stat = path.stat()
        except OSError:
            return None
        touched = stat.st_mtime_ns != mtime
        if stat.st_size < size or (touched and _crc(path, size) != fields[f"crc_{kind}"]):
            return None
    return head


def _crc(path: Path, size: int) -> int:
    crc = 0
    with path.open("rb") as file:
        while size > 0 and (block := file.read(min(size, 1 << 20))):
            crc = zlib.crc32(block, crc)
            size -= len(block)
    return crc


def _load(folder: Path, fields: dict[str, Any], tail: bytes) -> Matrix:
    rows, dim = fields["rows"], fields["dim"]
    pairs = _map(_file(folder, fields, "ids"), np.int64, (rows, 2))
    vectors = _map(_file(folder, fields, "f32"), np.float32, (rows, dim))
    alive = _alive(fields, tail)
    return Matrix(fields["generation"], pairs[:, 0].copy(), pairs[:, 1].copy(), vectors, alive)


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
