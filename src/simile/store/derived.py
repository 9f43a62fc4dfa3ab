"""Bring the files derived from SQLite up to date, or do without writing."""

from contextlib import suppress
from pathlib import Path

from simile.store.inverted import Inverted, inverted_in_memory, load_inverted, update_inverted
from simile.store.matrix import Matrix, load_matrix, matrix_in_memory, update_matrix
from simile.store.reader import StoreReader


def derived(
    folder: Path,
    source: StoreReader,
    language: str,
    *,
    current: bool,
    may_be_behind: bool,
    rebuild: bool,
) -> tuple[Matrix, Inverted]:
    """Return the matrix and the inverted index.

    With `current`, those of the source's generation, written to the folder: the caller must hold
    the lock. Otherwise, or if there is no room to write, what is there, unless it is behind and
    may not be, or what is made in memory.
    """
    if current:
        with suppress(OSError):
            return (
                update_matrix(folder, source, rebuild=rebuild),
                update_inverted(folder, source, language, rebuild=rebuild),
            )
    matrix, inverted = load_matrix(folder, source), load_inverted(folder, source, language)
    if not may_be_behind:
        matrix = matrix if matrix and matrix.generation == source.generation else None
        inverted = inverted if inverted and inverted.generation == source.generation else None
    return matrix or matrix_in_memory(source), inverted or inverted_in_memory(source, language)
