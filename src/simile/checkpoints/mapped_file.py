"""A file's bytes as an array, read from the disk when they are used."""

import mmap
from contextlib import suppress
from pathlib import Path

import numpy as np

from simile.errors import CheckpointError


class MappedFile:
    """One file, mapped into memory for as long as an array points into it."""

    def __init__(self, path: Path) -> None:
        """Map it. Raises CheckpointError if it cannot be read."""
        try:
            with path.open("rb") as file:
                # Copy-on-write: OpenVINO shares only arrays that claim to be writeable, and writes
                # to none.
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        except FileNotFoundError as exc:
            raise CheckpointError(f"{path} is missing; pull the model again") from exc
        except (OSError, ValueError) as exc:
            raise CheckpointError(f"{path} cannot be read: {exc}") from exc
        self.data = np.frombuffer(self._map, np.uint8)

    def let_go(self) -> None:
        """Free the memory of what was read; it is read again when it is used.

        Where a compiled graph has its own copy of the weights, this is the other one.
        """
        if hasattr(mmap, "MADV_DONTNEED"):  # All but Windows.
            with suppress(OSError):
                self._map.madvise(mmap.MADV_DONTNEED)
