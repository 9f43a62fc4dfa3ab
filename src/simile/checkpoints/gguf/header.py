"""Tell what a GGUF file is from its head, whole or as far as it has come: no weights are read.

Reads the single values and steps over the arrays (vocabularies, which may have millions of bytes).
Does not know tensors. Format: GGUF versions 2 and 3, docs/gguf.md of ggml (read 2026-11).
"""

import mmap
import struct
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from simile.errors import CheckpointError, UnsupportedModelError

MAX_HEADER_BYTES = 256 * 2**20
_FIRST_LOOK_BYTES = 65_536
_VERSIONS = (2, 3)
_FORMATS = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}
_TEXT, _ARRAY = 8, 9

Scalar = int | float | bool | str
"""A single value of the header."""


def check_embeds(path: Path, name: str) -> bool:
    """Raise UnsupportedModelError for a model that is made for chat; False if too little is there.

    A model made for vectors, or to rerank, says how its token vectors become one. CheckpointError
    if it is no GGUF file, OSError if it cannot be read.
    """
    stat = path.stat()
    values = _scalars_of(path, stat.st_mtime_ns, stat.st_size)
    if values is None:
        return False
    kind = values.get("general.architecture")
    # Files of encoders that rerank mostly lack the pooling; what they are, their tensors say.
    is_encoder = values.get(f"{kind}.attention.causal") is False
    if f"{kind}.pooling_type" not in values and not is_encoder:
        raise UnsupportedModelError(
            f"{name} is a chat model ({kind}) and cannot embed: its GGUF file has no"
            f" {kind}.pooling_type; expected a model made to embed or rerank"
        )
    return True


class EarlyLook:
    """Judges a GGUF file that is still coming: at 64 KiB, and each time it has doubled."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name
        self._next_bytes = _FIRST_LOOK_BYTES

    def __call__(self, completed_bytes: int) -> bool:
        """Whether it is known to be of use; raises as check_embeds does."""
        if completed_bytes >= self._next_bytes:
            if check_embeds(self._path, self._name):
                return True
            self._next_bytes = 2 * completed_bytes
        return False


@lru_cache(maxsize=256)
def _scalars_of(path: Path, mtime_ns: int, size: int) -> Mapping[str, Scalar] | None:
    """Remember the answer for as long as the file is as it was."""
    return read_scalars(path)


def read_scalars(path: Path) -> Mapping[str, Scalar] | None:
    """Give the header's single values by name; None where the file ends before its header does.

    CheckpointError if it is no GGUF file, OSError if it cannot be read.
    """
    with path.open("rb") as file:
        if not path.stat().st_size:
            return None
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                return _Reader(data).scalars()
            except (struct.error, EOFError):
                return None
            except UnicodeDecodeError as exc:
                raise CheckpointError(f"{path} has a damaged GGUF header: {exc}") from exc
            except ValueError as exc:
                raise CheckpointError(f"{path} {exc}") from exc


class _Reader:
    """Goes through the header from front to back."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 0

    def scalars(self) -> dict[str, Scalar]:
        """Give the single values; ValueError for what is no header."""
        if self._data[:4] != b"GGUF":
            raise ValueError("is no GGUF file")
        self._at = 4
        version, _, count = self._number("I"), self._number("Q"), self._number("Q")
        if version not in _VERSIONS:
            raise ValueError(f"is GGUF of version {version}; expected 2 or 3")
        values: dict[str, Scalar] = {}
        for _ in range(int(count)):
            name, kind = self._text(), self._number("I")
            if kind == _ARRAY:
                self._step_over_array()
            else:
                values[name] = self._text() if kind == _TEXT else self._number(_format(kind))
        return values

    def _number(self, form: str) -> int | float | bool:
        value: int | float | bool = struct.unpack_from(f"<{form}", self._data, self._at)[0]
        self._move(struct.calcsize(f"<{form}"))
        return value

    def _text(self) -> str:
        size, start = int(self._number("Q")), self._at
        self._move(size)
        return self._data[start : self._at].decode()

    def _step_over_array(self) -> None:
        kind, count = self._number("I"), int(self._number("Q"))
        if kind != _TEXT:
            self._move(count * struct.calcsize(f"<{_format(kind)}"))
            return
        size_of, data = struct.Struct("<Q").unpack_from, self._data
        for _ in range(count):
            self._move(8 + size_of(data, self._at)[0])

    def _move(self, size: int) -> None:
        self._at += size
        if self._at > MAX_HEADER_BYTES:
            raise ValueError(f"has a GGUF header of more than {MAX_HEADER_BYTES:,} bytes")
        if self._at > len(self._data):
            raise EOFError


def _format(kind: int | float) -> str:
    if kind not in _FORMATS:
        raise ValueError(f"has a GGUF header with a value of the unknown kind {kind}")
    return _FORMATS[int(kind)]
