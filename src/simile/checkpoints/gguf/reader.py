"""Go through the header of a GGUF file from front to back, as much of it as is there.

Every length is checked before it is trusted; the gguf package's reader checks none, and takes
seconds for a vocabulary. Does not import NumPy, which takes longer than reading a header. Knows no
model and no tensor format. Format: GGUF versions 2 and 3, docs/gguf.md of ggml (read 2026-11).
"""

import struct
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simile.errors import CheckpointError

MAX_HEADER_BYTES = 256 * 2**20
MAX_VALUES = 8_000_000
"""Values in all arrays together; the largest vocabularies with their merges have under a million
each, and a file of nothing but empty strings must not cost gigabytes of Python's objects."""
MAX_DIMS = 4
_VERSIONS = (2, 3)
_NUMBERS: Mapping[int, Any] = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}
"""The format character of each kind of number."""
_TEXT, _ARRAY = 8, 9
_SIZE = struct.Struct("<Q")
_ENTRY_BYTES, _TENSOR_BYTES = 13, 24
"""The least that one entry of either list takes."""


class DamagedHeader(ValueError):
    """The problem, worded to follow the file's name."""


class TruncatedHeader(DamagedHeader):
    """The header continues past the end of the data."""


@dataclass(frozen=True)
class StringArray:
    """An array of strings, such as a vocabulary; none is made before all are asked for."""

    data: memoryview
    start: int
    count: int

    def read(self) -> list[str]:
        """Return the strings. Raises CheckpointError if one is not UTF-8."""
        size_at, at, texts = _SIZE.unpack_from, self.start, []
        try:
            for _ in range(self.count):
                end = at + 8 + size_at(self.data, at)[0]
                texts.append(str(self.data[at + 8 : end], "utf-8"))
                at = end
        except UnicodeDecodeError as exc:
            raise CheckpointError(f"a string of the GGUF header is damaged: {exc}") from exc
        return texts


@dataclass(frozen=True)
class TensorEntry:
    """What the header says of one tensor; its shape has the slowest dimension first."""

    name: str
    shape: tuple[int, ...]
    kind: int
    start: int


class HeaderReader:
    """Reads the parts of a header in their order.

    All methods raise DamagedHeader, and TruncatedHeader where the data ends first.
    """

    def __init__(self, data: memoryview) -> None:
        """Read the beginning of a file's bytes."""
        self._data = data
        self._at = 0
        self._values_left = MAX_VALUES
        if bytes(data[:4]) != b"GGUF":
            raise DamagedHeader("is no GGUF file")
        self._move(4)
        version = self._number("I")
        if version not in _VERSIONS:
            raise DamagedHeader(f"is GGUF of version {version}; expected 2 or 3, little-endian")
        self._tensor_count = self._count(_TENSOR_BYTES)
        self._value_count = self._count(_ENTRY_BYTES)

    def values(self) -> dict[str, Any]:
        """Read the metadata: numbers, strings, and arrays as StringArray or memoryview."""
        values = {}
        for _ in range(self._value_count):
            name = self._text()
            if name in values:
                raise DamagedHeader(f"has a damaged GGUF header: {name} comes twice")
            values[name] = self._value(self._number("I"))
        return values

    def tensors(self) -> list[TensorEntry]:
        """Read where the tensors lie; after the metadata."""
        entries = {
            entry.name: entry for entry in (self._tensor() for _ in range(self._tensor_count))
        }
        if len(entries) < self._tensor_count:
            raise DamagedHeader("has a damaged GGUF header: a tensor comes twice")
        return list(entries.values())

    def data_start(self, alignment: object) -> int:
        """Return the offset of the weights, behind the list of tensors."""
        if type(alignment) is not int or not 1 <= alignment <= 2**20:
            raise DamagedHeader(f"has general.alignment {alignment!r}; expected a small power of 2")
        return -(-self._at // alignment) * alignment

    def _tensor(self) -> TensorEntry:
        name, dims = self._text(), self._number("I")
        if not 1 <= dims <= MAX_DIMS:
            raise DamagedHeader(f"has tensor {name} of {dims} dimensions; expected 1 to {MAX_DIMS}")
        shape = tuple(self._number("Q") for _ in range(dims))[::-1]
        return TensorEntry(name, shape, self._number("I"), self._number("Q"))

    def _value(self, kind: int) -> Any:
        if kind == _TEXT:
            return self._text()
        if kind == _ARRAY:
            return self._array(self._number("I"))
        number = self._number(_format(kind))
        return _as_meant(number) if _NUMBERS[kind] == "f" else number

    def _array(self, kind: int) -> Any:
        item_bytes = 8 if kind == _TEXT else struct.calcsize(_format(kind))
        count = self._count(item_bytes)
        if count > self._values_left:
            raise DamagedHeader(f"has a GGUF header of more than {MAX_VALUES:,} values")
        self._values_left -= count
        start = self._at
        if kind == _TEXT:
            self._step_over_texts(count)
            return StringArray(self._data, start, count)
        self._move(count * item_bytes)
        return self._data[start : self._at].cast(_format(kind))

    def _step_over_texts(self, count: int) -> None:
        at, size_at, data = self._at, _SIZE.unpack_from, self._data
        try:
            for _ in range(count):
                at += 8 + size_at(data, at)[0]
        except (struct.error, OverflowError):  # This one begins past the end.
            at += 8
        self._move(at - self._at)

    def _count(self, item_bytes: int) -> int:
        """Read the number of items that follow, each of at least this many bytes."""
        count = int(self._number("Q"))
        self._refuse_past_limit(count * item_bytes)
        return count

    def _text(self) -> str:
        start = self._at + 8
        self._move(self._count(1))
        try:
            return str(self._data[start : self._at], "utf-8")
        except UnicodeDecodeError as exc:
            raise DamagedHeader(f"has a damaged GGUF header: {exc}") from exc

    def _number(self, form: str) -> Any:
        form, start = f"<{form}", self._at
        self._move(struct.calcsize(form))
        return struct.unpack_from(form, self._data, start)[0]

    def _move(self, size: int) -> None:
        self._refuse_past_limit(size)
        self._at += size
        if self._at > len(self._data):
            raise TruncatedHeader("is truncated or damaged: its GGUF header goes on past its end")

    def _refuse_past_limit(self, size: int) -> None:
        if self._at + size > MAX_HEADER_BYTES:
            raise DamagedHeader(f"has a GGUF header of more than {MAX_HEADER_BYTES:,} bytes")


def _as_meant(number: float) -> float:
    """Return the shortest number that is stored as this float32, such as 1e-12 for its neighbor."""
    shorter = (float(f"{number:.{digits}g}") for digits in range(1, 10))
    return next((found for found in shorter if array("f", [found])[0] == number), number)


def _format(kind: int) -> Any:
    if kind not in _NUMBERS:
        raise DamagedHeader(f"has a GGUF header with a value of the unknown kind {kind}")
    return _NUMBERS[kind]
