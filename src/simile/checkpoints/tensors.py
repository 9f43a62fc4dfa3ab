"""Named float32 arrays of a checkpoint, of whatever file format.

A value: nothing is read before it is used, and nothing is known of files but their mapped memory.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simile.checkpoints.mapped_file import MappedFile
from simile.errors import CheckpointError, UnsupportedModelError

Floats = NDArray[np.float32]


_INTEGERS = ("I64", "I32")


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
    """Named arrays of one checkpoint."""

    def __init__(
        self,
        stored: Mapping[str, StoredTensor],
        *,
        where: str,
        files: Sequence[MappedFile] = (),
        weight_format: str | None = None,
        parameter_count: int | None = None,
    ) -> None:
        """`where` names the file in messages; `files` are those that the arrays are views of.

        The last two are what the file format itself says, if it does.
        """
        self._stored = stored
        self._where = where
        self._files = files
        self._taken: set[str] = set()
        self.weight_format = weight_format or _commonest_kind(stored.values())
        """The format's own name, such as Q4_K_M; else the kind of most numbers: BF16, I8."""
        if parameter_count is None:
            floats = (t for t in stored.values() if t.kind not in _INTEGERS)
            parameter_count = sum(tensor.size for tensor in floats)
        self.parameter_count = parameter_count
        """How many numbers the floating-point tensors hold."""

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

    def take(self, name: str, shape: tuple[int, ...]) -> Floats:
        """Return a tensor as float32 of that shape. Raises CheckpointError naming it."""
        return self._find(name, shape).read()

    def take_matrix(self, name: str, shape: tuple[int, ...]) -> Floats | Half:
        """As take, but a tensor of 16-bit numbers is returned as it is, and read when used."""
        tensor = self._find(name, shape)
        return tensor.half or tensor.read()

    def let_go(self) -> None:
        """Free the memory of what was read; it is read again when it is used."""
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


def _commonest_kind(tensors: Iterable[StoredTensor]) -> str:
    sizes: Counter[str] = Counter()
    for tensor in tensors:
        sizes[tensor.kind] += tensor.size
    return max(sizes, key=lambda kind: sizes[kind], default="F32")


def to_float32(kind: str, array: NDArray[Any]) -> Floats:
    """Turn an array into float32; that of BF16 has its bits as uint16."""
    if kind == "BF16":
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array if array.dtype == np.float32 else array.astype(np.float32)
