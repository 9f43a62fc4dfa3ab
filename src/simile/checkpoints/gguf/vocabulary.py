"""Read the tokens in a GGUF file's metadata, with their kinds and scores; build no tokenizer.

Source: ggml-org/llama.cpp, gguf-py/gguf/constants.py (read 2026-11).
"""

from dataclasses import dataclass

from simile.checkpoints.configuration import Configuration
from simile.checkpoints.gguf.reader import StringArray
from simile.errors import CheckpointError

UNKNOWN, CONTROL, USER_DEFINED, BYTE = 2, 3, 4, 6
"""Kinds of tokens in token_type; 1 is normal, 5 unused."""


@dataclass(frozen=True)
class Vocabulary:
    """The tokens, with their kinds and scores."""

    keys: Configuration
    """The keys of tokenizer.ggml."""
    pieces: list[str]
    kinds: list[int]
    """The kind of each token, as in token_type."""
    unknown: int | None
    """The id of the unknown token."""

    @property
    def ids(self) -> dict[str, int]:
        """Token to id."""
        return {piece: number for number, piece in enumerate(self.pieces)}

    def normal(self) -> list[int]:
        """The ids of tokens that texts are cut into, rather than found whole."""
        whole = (UNKNOWN, CONTROL, USER_DEFINED)
        return [number for number, kind in enumerate(self.kinds) if kind not in whole]

    def scores(self) -> list[float]:
        """The score of each token. Raises CheckpointError if the file has none."""
        found = self.keys.values.get("scores")
        if not isinstance(found, memoryview) or len(found) < len(self.pieces):
            raise CheckpointError(f"{self.keys.where}: scores are missing or too few")
        return [float(score) for score in found.tolist()[: len(self.pieces)]]


def read_vocabulary(keys: Configuration, unknown: int | None) -> Vocabulary:
    """Read the tokens and their kinds. Raises CheckpointError if there are none."""
    pieces = texts_of(keys, "tokens")
    if not pieces:
        raise CheckpointError(f"{keys.where}: tokens are missing")
    kinds = keys.values.get("token_type")
    kinds = kinds.tolist() if isinstance(kinds, memoryview) else [1] * len(pieces)
    if len(kinds) < len(pieces):
        raise CheckpointError(f"{keys.where}: token_type has fewer entries than tokens")
    if unknown is not None and unknown >= len(pieces):
        unknown = None
    named = [piece or f"[EMPTY_{number}]" for number, piece in enumerate(pieces)]
    return Vocabulary(keys, named, kinds, unknown)


def texts_of(keys: Configuration, name: str) -> list[str]:
    """Read an array of strings, empty where it is absent or something else."""
    found = keys.values.get(name)
    return found.read() if isinstance(found, StringArray) else []
