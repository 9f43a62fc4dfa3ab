"""Turn a folder of safetensors and JSON files into named tensors and parsed configurations.

Does not know any architecture.
"""

import json
from pathlib import Path
from typing import Any

from simile.checkpoints.configuration import Configuration
from simile.checkpoints.safetensors import open_safetensors, refuse_pickled
from simile.checkpoints.tensors import Tensors
from simile.checkpoints.tokenizer_files import read_tokenizer
from simile.errors import CheckpointError


class Checkpoint:
    """One model folder: its JSON files and its tensors."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = self.read_json("config.json")

    @property
    def configuration(self) -> Configuration:
        """The keys of config.json, to be read one by one."""
        return Configuration(self.config, str(self.folder / "config.json"))

    def read_json(self, name: str) -> dict[str, Any]:
        """Read a JSON object; CheckpointError where it is absent or not one."""
        found = self.find_json(name)
        if not isinstance(found, dict):
            what = "is missing" if found is None else "is not a JSON object"
            raise CheckpointError(f"{self.folder / name} {what}; pull the model again")
        return found

    def find_object(self, name: str) -> dict[str, Any]:
        """Read a JSON object, empty where there is no such file or it holds null."""
        found = self.find_json(name)
        if found is not None and not isinstance(found, dict):
            raise CheckpointError(f"{self.folder / name} is not a JSON object")
        return found or {}

    def find_json(self, name: str) -> Any:
        """Read a JSON file, or None where there is none; CheckpointError where it is damaged."""
        path = self.folder / name
        if not path.is_file():
            return None
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (UnicodeDecodeError, json.JSONDecodeError, OSError) as exc:
            raise CheckpointError(f"{path} is not readable JSON: {exc}") from exc

    def tokenizer(self) -> Any:
        """Load the tokenizer, of the tokenizers library; CheckpointError where there is none."""
        return read_tokenizer(self.folder)

    def tensors(self, subfolder: str = "") -> "Tensors":
        """Open the weights of the folder, or of a module's subfolder; one file or sharded."""
        index = self.find_json(f"{subfolder}/model.safetensors.index.json".lstrip("/"))
        base = self.folder / subfolder
        if index is None:
            refuse_pickled(base)
            return open_safetensors([base / "model.safetensors"])
        if not isinstance(index, dict) or not isinstance(index.get("weight_map"), dict):
            raise CheckpointError(f"{base / 'model.safetensors.index.json'} has no weight_map")
        names = sorted({str(name) for name in index["weight_map"].values()})
        if any(Path(name).name != name for name in names):
            raise CheckpointError(f"{base}: a shard lies outside the model folder: {names}")
        return open_safetensors([base / name for name in names])
