"""Turn a folder of safetensors and JSON files into named float32 arrays and parsed configurations.

Arrays in float32 are views of the memory-mapped file: nothing is read before it is used. Does not
know any architecture. Format: https://github.com/huggingface/safetensors (read 2026-11), an 8-byte
little-endian header length, a JSON header, the data. Pickled weights are never opened.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simile.errors import CheckpointError, UnsupportedModelError
from simile.models.configuration import Configuration
from simile.models.mapped_file import MappedFile

Floats = NDArray[np.float32]

MAX_HEADER_BYTES = 100_000_000
_DTYPES: Mapping[str, np.dtype[Any]] = {
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "F64": np.dtype("<f8"),
    "I8": np.dtype("<i1"),
}
_INTEGERS = ("I64", "I32")


class Checkpoint:
    """One model folder: its JSON files and its tensors."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = self.read_json("config.json")

    @property
    def configuration(self) -> Configuration:
        """The keys of config.json, to be read one by one."""
        return Configuration(self.config, str(self.folder / "config.json"))

    def read_json(self, name: str) -> dict[str, Any]:
        """Read a JSON object; CheckpointError where it is absent or not one."""
        found = self.find_json(name)
        if not isinstance(found, dict):
            what = "is missing" if found is None else "is not a JSON object"
            raise CheckpointError(f"{self.folder / name} {what}; pull the model again")
        return found

    def find_object(self, name: str) -> dict[str, Any]:
        """Read a JSON object, empty where there is no such file or it holds null."""
        found = self.find_json(name)
        if found is not None and not isinstance(found, dict):
            raise CheckpointError(f"{self.folder / name} is not a JSON object")
        return found or {}

    def find_json(self, name: str) -> Any:
        """Read a JSON file, or None where there is none; CheckpointError where it is damaged."""
        path = self.folder / name
        if not path.is_file():
            return None
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (UnicodeDecodeError, json.JSONDecodeError, OSError) as exc:
            raise CheckpointError(f"{path} is not readable JSON: {exc}") from exc

    def tokenizer(self) -> Any:
        """Load the tokenizer, of the tokenizers library; CheckpointError where there is none."""
        from simile.models.tokenizer_files import read_tokenizer

        return read_tokenizer(self.folder)

    def tensors(self, subfolder: str = "") -> "Tensors":
        """Open the weights of the folder, or of a module's subfolder; one file or sharded."""
        index = self.find_json(f"{subfolder}/model.safetensors.index.json".lstrip("/"))
        base = self.folder / subfolder
        if index is None:
            _refuse_pickled(base)
            return Tensors([base / "model.safetensors"])
        if not isinstance(index, dict) or not isinstance(index.get("weight_map"), dict):
            raise CheckpointError(f"{base / 'model.safetensors.index.json'} has no weight_map")
        names = sorted({str(name) for name in index["weight_map"].values()})
        if any(Path(name).name != name for name in names):
            raise CheckpointError(f"{base}: a shard lies outside the model folder: {names}")
        return Tensors([base / name for name in names])


def open_checkpoint(path: Path) -> Checkpoint:
    """Open a folder, or a GGUF file whatever its name; CheckpointError if it is neither."""
    if path.is_file():
        from simile.models.gguf.checkpoint import GgufCheckpoint

        return GgufCheckpoint(path)
    from simile.models.onnx_checkpoint import OnnxCheckpoint, is_onnx
    from simile.models.static_checkpoint import StaticCheckpoint, is_static

    if is_static(path):
        return StaticCheckpoint(path)
    return OnnxCheckpoint(path) if is_onnx(path) else Checkpoint(path)


@dataclass(frozen=True)
class Half:
    """A matrix of 16-bit numbers as it lies in its file."""

    kind: str
    """F16 or BF16."""
    bits: NDArray[Any]
    """Of 16-bit items, in the matrix's shape; for BF16 uint16, as NumPy has no such number."""


@dataclass(frozen=True)
class StoredTensor:
    """A tensor as it lies in its file; nothing is read before `read` is called."""

    kind: str
    """The format's name, such as F32 or Q8_0."""
    shape: tuple[int, ...]
    read: Callable[[], Floats]
    """Give the array as float32, of that shape."""
    half: Half | None = None
    """The array itself where it is F16 or BF16 in the memory-mapped file."""

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)


class Tensors:
    """Named arrays of one or several safetensors files."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._stored: dict[str, StoredTensor] = {}
        self._files = [MappedFile(path) for path in paths]
        for path, file in zip(paths, self._files, strict=True):
            self._stored.update(_read_safetensors(path, file.data))
        self._where = " ".join(path.name for path in paths)
        self._taken: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._stored

    @property
    def names(self) -> list[str]:
        """All tensor names, sorted."""
        return sorted(self._stored)

    @property
    def shapes(self) -> list[tuple[str, str, tuple[int, ...]]]:
        """Name, format and shape of every tensor, sorted."""
        return [(name, t.kind, t.shape) for name, t in sorted(self._stored.items())]

    @property
    def parameter_count(self) -> int:
        """How many numbers the floating-point tensors hold."""
        return sum(t.size for t in self._stored.values() if t.kind not in _INTEGERS)

    @property
    def weight_format(self) -> str:
        """The commonest float format: F32, F16 or BF16."""
        sizes: dict[str, int] = {}
        for tensor in self._stored.values():
            sizes[tensor.kind] = sizes.get(tensor.kind, 0) + tensor.size
        return max(sizes, key=lambda kind: sizes[kind], default="F32")

    def take(self, name: str, shape: tuple[int, ...]) -> Floats:
        """Give a tensor as float32 of that shape; CheckpointError names it, expected and got."""
        return self._find(name, shape).read()

    def take_matrix(self, name: str, shape: tuple[int, ...]) -> Floats | Half:
        """As take, but a tensor of 16-bit numbers is given as it is, and read when it is used."""
        tensor = self._find(name, shape)
        return tensor.half or tensor.read()

    def let_go(self) -> None:
        """Give the memory of what was read back; what is used again is read again."""
        for file in self._files:
            file.let_go()

    def refuse_unknown(self, ignored: Sequence[str]) -> None:
        """Raise UnsupportedModelError if a tensor was not taken and has no ignored part in it."""
        left = [n for n in self.names if n not in self._taken and not any(p in n for p in ignored)]
        if left:
            more = f" and {len(left) - 3} more" if len(left) > 3 else ""
            raise UnsupportedModelError(
                f"{self._where} has tensors that this architecture does not use: "
                f"{', '.join(left[:3])}{more}; leaving them out would give wrong vectors"
            )

    def _find(self, name: str, shape: tuple[int, ...]) -> StoredTensor:
        if name not in self._stored:
            raise CheckpointError(
                f"tensor {name} {list(shape)} is missing from {self._where}; "
                "the file is incomplete or of another architecture than its config.json says"
            )
        tensor = self._stored[name]
        if tensor.shape != shape:
            raise CheckpointError(
                f"tensor {name} in {self._where}: expected shape {list(shape)} from config.json, "
                f"got {list(tensor.shape)}"
            )
        self._taken.add(name)
        return tensor


def _refuse_pickled(folder: Path) -> None:
    pickled = sorted(path.name for path in folder.glob("pytorch_model*.bin"))
    if pickled and not (folder / "model.safetensors").exists():
        raise CheckpointError(
            f"{folder}: model.safetensors is missing; there are only pickled"
            f" weights ({pickled[0]}), which can run code and are never opened: save as safetensors"
        )


def to_float32(kind: str, array: NDArray[Any]) -> Floats:
    """Turn an array into float32; that of BF16 has its bits as uint16."""
    if kind == "BF16":
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array if array.dtype == np.float32 else array.astype(np.float32)


def _read_safetensors(path: Path, data: NDArray[np.uint8]) -> dict[str, StoredTensor]:
    """Give each tensor as a view of the file's bytes."""
    size = int.from_bytes(data[:8].tobytes(), "little") if data.size >= 8 else 0
    if not 2 <= size <= min(MAX_HEADER_BYTES, data.size - 8):
        raise CheckpointError(f"{path} is not a safetensors file, or truncated in its header")
    try:
        header = json.loads(data[8 : 8 + size].tobytes())
        entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
    except (ValueError, AttributeError) as exc:
        raise CheckpointError(f"{path} has a damaged header: {exc}") from exc
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
