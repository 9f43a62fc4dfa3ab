"""Turn a folder of safetensors and JSON files into named tensors and parsed configurations.

Knows the files' names and formats; does not know any architecture.
"""

from pathlib import Path
from typing import Any

from simile.checkpoints.checkpoint import Checkpoint
from simile.checkpoints.json_file import find_json, find_text
from simile.checkpoints.safetensors import open_safetensors, refuse_pickled
from simile.checkpoints.tensors import Tensors
from simile.checkpoints.tokenizer_files import read_tokenizer
from simile.errors import CheckpointError


class FolderCheckpoint(Checkpoint):
    """One model folder: its JSON files and its tensors."""

    def __init__(self, folder: Path) -> None:
        """Read config.json. Raises CheckpointError if it is missing or damaged."""
        self.folder = folder
        self.place = str(folder)
        self.config = self.read_json("config.json")

    def find_json(self, name: str) -> Any:
        """Read a JSON file, or None if there is none. Raises CheckpointError if it is damaged."""
        return find_json(self.folder / name)

    @property
    def chat_template(self) -> str:
        """The chat template: a file of its own, or a key of the tokenizer's."""
        return find_text(self.folder / "chat_template.jinja") or super().chat_template

    def tokenizer(self) -> Any:
        """Load the tokenizer, of the tokenizers library; CheckpointError where there is none."""
        return read_tokenizer(self.folder)

    def tensors(self, subfolder: str = "") -> Tensors:
        """Open the weights of the folder, or of a module's subfolder; reads headers alone."""
        return open_weights(self.folder / subfolder)


def open_weights(folder: Path) -> Tensors:
    """Open a folder's safetensors, one file or sharded; CheckpointError if they are damaged."""
    index_path = folder / "model.safetensors.index.json"
    index = find_json(index_path)
    if index is None:
        refuse_pickled(folder)
        return open_safetensors([folder / "model.safetensors"])
    if not isinstance(index, dict) or not isinstance(index.get("weight_map"), dict):
        raise CheckpointError(f"{index_path} has no weight_map")
    names = sorted({str(name) for name in index["weight_map"].values()})
    if any(Path(name).name != name for name in names):
        raise CheckpointError(f"{folder}: a shard lies outside the model folder: {names}")
    return open_safetensors([folder / name for name in names])
