"""Present a GGUF file as a folder of safetensors and JSON files, so that nothing else knows of it.

Joins header, names, words and tokenizer; knows no architecture.
"""

from pathlib import Path
from typing import Any

from simile.checkpoints.checkpoint import Checkpoint
from simile.checkpoints.gguf.config import read_words
from simile.checkpoints.gguf.file import read_gguf
from simile.checkpoints.gguf.tokenizer import build_tokenizer
from simile.checkpoints.tensors import Tensors


class GgufCheckpoint(Checkpoint):
    """One GGUF file."""

    def __init__(self, path: Path) -> None:
        """Read the header. Raises CheckpointError or UnsupportedModelError."""
        self.place = str(path)
        self._name = path.name
        self._file = read_gguf(path)
        self._words = read_words(self.place, self._file.values, self._file.tensors)
        self.config = self.read_json("config.json")

    def where(self, name: str) -> str:
        """Name the file in messages: it holds what other checkpoints keep in several files."""
        return self.place

    def find_json(self, name: str) -> Any:
        """Return what a folder's JSON file would hold, or None if it would not exist."""
        return self._words.files.get(name)

    def tokenizer(self) -> Any:
        """Build the tokenizer, of the tokenizers library; CheckpointError where there is none."""
        words = self._words
        values = self._file.values
        return build_tokenizer(self.place, values, begins=words.begins, ends=words.ends)

    def tensors(self, subfolder: str = "") -> Tensors:
        """Return the weights of the encoder, or those of a module."""
        split = {name: name.rpartition("/") for name in self._words.tensors}
        return Tensors(
            {
                split[name][2]: tensor
                for name, tensor in self._words.tensors.items()
                if split[name][0] == subfolder
            },
            where=self._name,
            files=[self._file.file],
            weight_format=self._words.weight_format,
        )
