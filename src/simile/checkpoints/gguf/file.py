"""Turn a GGUF file into its metadata and named tensors; the weights are read when they are used.

Knows the layout and the block formats; knows no architecture and no tokenizer. Every length is
checked against the file before it is believed: the gguf package's reader checks none, and takes
seconds for a vocabulary; its dequantisation is used. Format: GGUF versions 2 and 3, docs/gguf.md
of ggml (read 2026-11).
"""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simile.checkpoints.mapped_file import MappedFile
from simile.checkpoints.tensors import Floats, StoredTensor, to_float32
from simile.errors import CheckpointError, UnsupportedModelError

MAX_HEADER_BYTES = 256 * 2**20
MAX_VALUES = 8_000_000
"""Values in all arrays together; the largest vocabularies with their merges have under a million
each, and a file of nothing but empty strings must not cost gigabytes of Python's objects."""
MAX_DIMS = 4
_VERSIONS = (2, 3)
_NUMBERS: Mapping[int, str] = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}
"""The format character of each kind of number, as struct and NumPy both have it."""
_TEXT, _ARRAY = 8, 9
_SIZE = struct.Struct("<Q")
_PLAIN: Mapping[int, tuple[str, str]] = {0: ("F32", "<f4"), 1: ("F16", "<f2"), 30: ("BF16", "<u2")}
_BLOCKS: Mapping[int, tuple[str, int, int]] = {
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    20: ("IQ4_NL", 32, 18),
    23: ("IQ4_XS", 256, 136),
}
"""Name, numbers and bytes per block. A quantiser uses some in place of others where a row is not a
multiple of 256: a Q4_K file of all-minilm is mostly Q5_0."""
_CHUNK_NUMBERS = 2**20
"""Dequantised at a time: the temporary arrays are several times as large as the result."""


@dataclass(frozen=True)
class GgufFile:
    """What the header says."""

    values: Mapping[str, Any]
    """Metadata: numbers, strings, Texts and NumPy arrays of numbers."""
    tensors: Mapping[str, StoredTensor]
    """By name, shapes slowest dimension first."""
    file: MappedFile


@dataclass(frozen=True)
class Texts:
    """An array of strings, such as a vocabulary; none is made before all are asked for."""

    data: memoryview
    start: int
    count: int

    def read(self) -> list[str]:
        """Give the strings; CheckpointError where one is no UTF-8."""
        size_at, at, texts = _SIZE.unpack_from, self.start, []
        try:
            for _ in range(self.count):
                end = at + 8 + size_at(self.data, at)[0]
                texts.append(str(self.data[at + 8 : end], "utf-8"))
                at = end
        except UnicodeDecodeError as exc:
            raise CheckpointError(f"a string of the GGUF header is damaged: {exc}") from exc
        return texts


def read_gguf(path: Path) -> GgufFile:
    """Read the header; CheckpointError for a damaged file, UnsupportedModelError for a format."""
    file = MappedFile(path)
    data = file.data
    header = _Header(memoryview(data.data)[:MAX_HEADER_BYTES])
    try:
        counts = header.begin()
        values = dict(header.entry() for _ in range(counts[1]))
        entries = [header.tensor() for _ in range(counts[0])]
        start = header.data_start(values.get("general.alignment", 32))
    except (struct.error, ValueError, TypeError) as exc:
        raise CheckpointError(f"{path} {_reason(exc)}") from exc
    if len(values) < counts[1] or len({entry.name for entry in entries}) < counts[0]:
        raise CheckpointError(f"{path} has a damaged GGUF header: a name comes twice")
    return GgufFile(values, _views(path, entries, data[start:]), file)


def _reason(exc: Exception) -> str:
    if isinstance(exc, _Damaged):
        return str(exc)
    return f"has a damaged or truncated GGUF header: {exc}"


class _Damaged(ValueError):
    """What is wrong, in words that follow the file's name."""


@dataclass(frozen=True)
class _Entry:
    name: str
    shape: tuple[int, ...]
    kind: int
    start: int


@dataclass
class _Header:
    """Goes through the header from front to back."""

    data: memoryview
    at: int = 0
    values_left: int = field(default_factory=lambda: MAX_VALUES)

    def begin(self) -> tuple[int, int]:
        """Give the numbers of tensors and of metadata entries."""
        if bytes(self.data[:4]) != b"GGUF":
            raise _Damaged("is not a GGUF file")
        self.at = 4
        version = self._number("I")
        if version not in _VERSIONS:
            raise _Damaged(f"is GGUF of version {version}; expected 2 or 3, little-endian")
        return self._count(24), self._count(13)

    def entry(self) -> tuple[str, Any]:
        """Read one entry of the metadata."""
        return self._text(), self._value(self._number("I"))

    def tensor(self) -> _Entry:
        """Read one tensor's name, shape, format and place."""
        name, dims = self._text(), self._number("I")
        if not 1 <= dims <= MAX_DIMS:
            raise _Damaged(f"has a tensor {name} of {dims} dimensions; expected 1 to {MAX_DIMS}")
        shape = tuple(self._number("Q") for _ in range(dims))[::-1]
        return _Entry(name, shape, self._number("I"), self._number("Q"))

    def data_start(self, alignment: object) -> int:
        """Give where the weights begin."""
        if type(alignment) is not int or not 1 <= alignment <= 2**20:
            raise _Damaged(f"has general.alignment {alignment!r}; expected a small power of two")
        return -(-self.at // alignment) * alignment

    def _value(self, kind: int) -> Any:
        if kind == _TEXT:
            return self._text()
        if kind == _ARRAY:
            return self._array(self._number("I"))
        number = self._number(_format(kind))
        # 1e-12 is stored as the float32 next to it: give the number that was meant.
        return float(str(np.float32(number))) if _NUMBERS[kind] == "f" else number

    def _array(self, kind: int) -> Any:
        count = self._count(8 if kind == _TEXT else struct.calcsize(_format(kind)))
        if count > self.values_left:
            raise _Damaged(f"has a GGUF header of more than {MAX_VALUES:,} values")
        self.values_left -= count
        if kind == _TEXT:
            return self._texts(count)
        array = np.frombuffer(self.data, f"<{_format(kind)}", count, self.at)
        self.at += array.nbytes
        return array

    def _texts(self, count: int) -> Texts:
        start, size_at, data = self.at, _SIZE.unpack_from, self.data
        for _ in range(count):
            self.at += 8 + size_at(data, self.at)[0]
            if self.at > len(data):
                raise _Damaged("is truncated or damaged: a string does not fit into its header")
        return Texts(data, start, count)

    def _count(self, item_bytes: int) -> int:
        """Read how many items follow, each of so many bytes at least."""
        count = int(self._number("Q"))
        if count > (len(self.data) - self.at) // item_bytes:
            raise _Damaged(f"is truncated or damaged: {count:,} items do not fit into its header")
        return count

    def _text(self) -> str:
        size = self._count(1)
        self.at += size
        return str(self.data[self.at - size : self.at], "utf-8")

    def _number(self, form: str) -> Any:
        form = f"<{form}"
        value = struct.unpack_from(form, self.data, self.at)[0]
        self.at += struct.calcsize(form)
        return value


def _format(kind: int) -> str:
    if kind not in _NUMBERS:
        raise _Damaged(f"has a GGUF header with a value of the unknown kind {kind}")
    return _NUMBERS[kind]


def _views(
    path: Path, entries: list[_Entry], body: NDArray[np.uint8]
) -> Mapping[str, StoredTensor]:
    views, end = {}, 0
    for entry in sorted(entries, key=lambda entry: entry.start):
        kind, per_block, block_bytes = _layout(path, entry)
        size = math.prod(entry.shape)
        if entry.shape[-1] % per_block or not size:
            raise CheckpointError(
                f"{path}: tensor {entry.name} {list(entry.shape)} is empty or its rows are no "
                f"multiple of the {per_block} numbers in a block of {kind}"
            )
        if entry.start < end:
            raise CheckpointError(f"{path}: tensor {entry.name} overlaps another")
        end = entry.start + size // per_block * block_bytes
        if end > body.size:
            raise CheckpointError(
                f"{path} is truncated: tensor {entry.name} ends at byte {end:,} of the data, "
                f"which has {body.size:,}; pull the model again"
            )
        raw = body[entry.start : end]
        views[entry.name] = StoredTensor(kind, entry.shape, partial(_read, entry, raw))
    return views


def _layout(path: Path, entry: _Entry) -> tuple[str, int, int]:
    if entry.kind in _PLAIN:
        kind, dtype = _PLAIN[entry.kind]
        return kind, 1, np.dtype(dtype).itemsize
    if entry.kind in _BLOCKS:
        return _BLOCKS[entry.kind]
    kinds = ", ".join([*(kind for kind, _ in _PLAIN.values()), *(b[0] for b in _BLOCKS.values())])
    raise UnsupportedModelError(
        f"{path}: tensor {entry.name} is {_name_of(entry.kind)}; expected one of {kinds}"
    )


def _name_of(kind: int) -> str:
    from gguf.constants import GGMLQuantizationType

    names = {int(member): member.name for member in GGMLQuantizationType}
    return names.get(kind, f"of the unknown format {kind}")


def _read(entry: _Entry, raw: NDArray[np.uint8]) -> Floats:
    if entry.kind in _PLAIN:
        kind, dtype = _PLAIN[entry.kind]
        aligned = raw if raw.ctypes.data % np.dtype(dtype).itemsize == 0 else raw.copy()
        return to_float32(kind, np.asarray(aligned.view(dtype))).reshape(entry.shape)
    from gguf.constants import GGMLQuantizationType
    from gguf.quants import dequantize

    _, per_block, block_bytes = _BLOCKS[entry.kind]
    blocks = np.asarray(raw).reshape(-1, block_bytes)
    floats = np.empty((len(blocks), per_block), dtype=np.float32)
    step = _CHUNK_NUMBERS // per_block
    for first in range(0, len(blocks), step):
        part = slice(first, first + step)
        floats[part] = dequantize(blocks[part], GGMLQuantizationType(entry.kind))
    return floats.reshape(entry.shape)
