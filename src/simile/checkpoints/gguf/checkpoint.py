"""Present a GGUF file as a folder of safetensors and JSON files, so that nothing else knows of it.

Joins header, names, words and tokenizer; knows no architecture.
"""

from pathlib import Path
from typing import Any

import numpy as np

from simile.checkpoints.configuration import Configuration
from simile.checkpoints.folder import Checkpoint
from simile.checkpoints.gguf.config import read_words
from simile.checkpoints.gguf.file import read_gguf
from simile.checkpoints.mapped_file import MappedFile
from simile.checkpoints.tensors import Floats, StoredTensor, Tensors


class GgufCheckpoint(Checkpoint):
    """One GGUF file."""

    def __init__(self, path: Path) -> None:
        """Read the header; CheckpointError or UnsupportedModelError where it does not do."""
        self.folder = path
        file = read_gguf(path)
        self._file, self._values = file.file, file.values
        self._words = read_words(str(path), file.values, file.tensors)
        self.config = self.read_json("config.json")

    @property
    def configuration(self) -> Configuration:
        """The keys of config.json, to be read one by one."""
        return Configuration(self.config, str(self.folder))

    def find_json(self, name: str) -> Any:
        """Give what the folder's JSON file would hold, or None where there would be none."""
        return self._words.files.get(name)

    def tokenizer(self) -> Any:
        """Build the tokenizer, of the tokenizers library; CheckpointError where there is none."""
        from simile.checkpoints.gguf.tokenizer import build_tokenizer

        words = self._words
        return build_tokenizer(str(self.folder), self._values, begins=words.begins, ends=words.ends)

    def tensors(self, subfolder: str = "") -> Tensors:
        """Give the weights of the encoder, or those of a module."""
        return _GgufTensors(
            self.folder.name, self._by_folder(subfolder), self._words.weight_format, self._file
        )

    def _by_folder(self, subfolder: str) -> dict[str, StoredTensor]:
        split = {name: name.rpartition("/") for name in self._words.tensors}
        return {
            split[name][2]: tensor
            for name, tensor in self._words.tensors.items()
            if split[name][0] == subfolder
        }


class _GgufTensors(Tensors):
    """Named tensors of a GGUF file."""

    def __init__(
        self,
        where: str,
        stored: dict[str, StoredTensor],
        weight_format: str | None,
        file: MappedFile,
    ) -> None:
        super().__init__(stored, where=where, files=[file])
        self._told_format = weight_format

    def take(self, name: str, shape: tuple[int, ...]) -> Floats:
        """Give a tensor as float32; numbers that are not finite are the graph's to refuse."""
        with np.errstate(invalid="ignore", over="ignore"):
            return super().take(name, shape)

    @property
    def weight_format(self) -> str:
        """What the file calls itself, such as Q4_K_M; else the commonest format in it."""
        return self._told_format or super().weight_format
