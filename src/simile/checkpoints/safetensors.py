"""Read safetensors files as named tensors, views of the memory-mapped file.

Format: https://github.com/huggingface/safetensors (read 2026-11), an 8-byte little-endian header
length, a JSON header, the data. Pickled weights are never opened.
"""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simile.bounded import parse_json
from simile.checkpoints.mapped_file import MappedFile
from simile.checkpoints.tensors import Half, StoredTensor, Tensors, to_float32
from simile.errors import CheckpointError, UnsupportedModelError

MAX_HEADER_BYTES = 16 * 2**20
"""About 100,000 tensors; parsed, they take ten times as much memory."""
MAX_DIMS = 8


_DTYPES: Mapping[str, np.dtype[Any]] = {
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "F64": np.dtype("<f8"),
    "I8": np.dtype("<i1"),
}


def open_safetensors(paths: Sequence[Path]) -> Tensors:
    """Open one file, or a model's shards. Raises CheckpointError if one is damaged."""
    stored: dict[str, StoredTensor] = {}
    files = [MappedFile(path) for path in paths]
    for path, file in zip(paths, files, strict=True):
        stored.update(_read_safetensors(path, file.data))
    return Tensors(stored, where=" ".join(path.name for path in paths), files=files)


def refuse_pickled(folder: Path) -> None:
    """Raise CheckpointError for a folder whose only weights are pickled: they could run code."""
    pickled = sorted(path.name for path in folder.glob("pytorch_model*.bin"))
    if pickled and not (folder / "model.safetensors").exists():
        raise CheckpointError(
            f"{folder}: model.safetensors is missing; there are only pickled"
            f" weights ({pickled[0]}), which can run code and are never opened: save as safetensors"
        )


def _read_safetensors(path: Path, data: NDArray[np.uint8]) -> dict[str, StoredTensor]:
    """Return each tensor as a view of the file's bytes."""
    size = int.from_bytes(data[:8].tobytes(), "little") if data.size >= 8 else 0
    if not 2 <= size <= min(MAX_HEADER_BYTES, data.size - 8):
        raise CheckpointError(f"{path} is not a safetensors file, or truncated in its header")
    what = f"{path} has a damaged header: it"
    header = parse_json(data[8 : 8 + size].tobytes(), what=what, error=CheckpointError)
    if not isinstance(header, dict):
        raise CheckpointError(f"{what} is no object")
    entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
    body = data[8 + size :]
    views = {name: _view(path, name, entry, body) for name, entry in entries.items()}
    _refuse_overlaps(path, entries)
    return views


def _refuse_overlaps(path: Path, entries: Mapping[str, Any]) -> None:
    end = 0
    for name, (start, stop) in sorted(
        ((name, entry["data_offsets"]) for name, entry in entries.items()), key=lambda e: e[1]
    ):
        if start < end:
            raise CheckpointError(f"{path}: tensor {name} overlaps another")
        end = stop


def _view(path: Path, name: str, entry: Any, body: NDArray[np.uint8]) -> StoredTensor:
    try:
        kind, shape, (start, stop) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
        sound = all(type(n) is int and n >= 0 for n in (*shape, start, stop)) and start <= stop
        sound = sound and len(shape) <= MAX_DIMS
        known = kind in _DTYPES
    except (TypeError, KeyError, ValueError) as exc:
        raise CheckpointError(f"{path}: damaged entry for tensor {name}") from exc
    if not known:
        kinds = ", ".join(_DTYPES)
        raise UnsupportedModelError(f"{path}: tensor {name} is {kind}; expected one of {kinds}")
    dtype = _DTYPES[kind]
    if not sound or stop - start != math.prod(shape) * dtype.itemsize:
        raise CheckpointError(f"{path}: tensor {name} {list(shape)} does not fill its bytes")
    if stop > body.size:
        raise CheckpointError(
            f"{path} is truncated: tensor {name} ends at byte {stop:,} of the data, "
            f"which has {body.size:,}; pull the model again"
        )
    raw = body[start:stop]
    # An offset that is no multiple of the item size cannot be viewed in place.
    aligned = raw if raw.ctypes.data % dtype.itemsize == 0 else raw.copy()
    array = np.asarray(aligned.view(dtype)).reshape(shape)
    half = Half(kind, array) if kind in ("F16", "BF16") else None
    return StoredTensor(kind, shape, partial(to_float32, kind, array), half)
