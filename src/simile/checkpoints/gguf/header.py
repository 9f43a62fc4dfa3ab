"""Tell what a GGUF file is for from its header, which may still be incomplete.

Keeps the single values alone, of which the arrays are none: a vocabulary may have millions of
bytes. Does not know tensors.
"""

import mmap
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from simile.checkpoints.gguf.reader import DamagedHeader, HeaderReader, TruncatedHeader
from simile.errors import CheckpointError, UnsupportedModelError

_FIRST_LOOK_BYTES = 65_536
_LONGEST = 256

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
    # Rerankers' files mostly lack the pooling; their tensors tell what they are.
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
    return _asked_of(read_scalars(path))


def read_scalars(path: Path) -> Mapping[str, Scalar] | None:
    """Return the header's single values by name; None if the file ends before its header does.

    CheckpointError if it is no GGUF file, OSError if it cannot be read.
    """
    if not path.stat().st_size:
        return None
    try:
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        values = HeaderReader(memoryview(data)).values()
    except TruncatedHeader:
        return None
    except DamagedHeader as exc:
        raise CheckpointError(f"{path} {exc}") from exc
    return {name: value for name, value in values.items() if isinstance(value, Scalar)}


def _asked_of(values: Mapping[str, Scalar] | None) -> Mapping[str, Scalar] | None:
    """Keep what `check_embeds` asks for alone: a header may have a million names."""
    if values is None:
        return None
    kind = values.get("general.architecture")
    asked = ("general.architecture", f"{kind}.attention.causal", f"{kind}.pooling_type")
    kept = {name: values[name] for name in asked if name in values}
    if any(isinstance(value, str) and len(value) > _LONGEST for value in kept.values()):
        raise CheckpointError(f"general.architecture has more than {_LONGEST} characters")
    return kept
