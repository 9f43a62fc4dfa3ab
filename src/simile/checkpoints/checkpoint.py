"""What a checkpoint offers, whatever its files are: configurations, a tokenizer, tensors.

Knows JSON values; knows no file format and no architecture.
"""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Protocol

from simile.checkpoints.configuration import Configuration
from simile.checkpoints.tensors import Tensors
from simile.errors import CheckpointError


class Checkpoint(Protocol):
    """One model on disk, named as the files of a Hugging Face folder are."""

    place: str
    """The folder or file, for messages."""
    config: Mapping[str, Any]
    """The contents of config.json."""

    def find_json(self, name: str) -> Any:
        """Read a JSON file, or None if there is none. Raises CheckpointError if it is damaged."""

    def tokenizer(self) -> Any:
        """Load the tokenizer, of the tokenizers library; CheckpointError where there is none."""

    def tensors(self, subfolder: str = "") -> Tensors:
        """Open the weights of the encoder, or of a module's subfolder; reads headers alone."""

    def where(self, name: str) -> str:
        """Name a file in messages."""
        return f"{self.place}/{name}"

    @property
    def configuration(self) -> Configuration:
        """The keys of config.json, to be read one by one."""
        return Configuration(self.config, self.where("config.json"))

    @property
    def chat_template(self) -> str:
        """The chat template; empty if there is none."""
        return str(self.find_object("tokenizer_config.json").get("chat_template") or "")

    def modules(self) -> list[tuple[str, str]] | None:
        """List modules.json: class and folder of each module; None if there is no such file.

        CheckpointError where it is no list of objects, or a folder lies outside the model's.
        """
        listed = self.find_json("modules.json")
        if listed is None:
            return None
        if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
            raise CheckpointError(f"{self.where('modules.json')} is no list of objects")
        return [(str(entry.get("type")), _folder(str(entry.get("path", "")))) for entry in listed]

    def find_object(self, name: str) -> dict[str, Any]:
        """Read a JSON object, empty where there is no such file or it holds null."""
        found = self.find_json(name)
        if found is not None and not isinstance(found, dict):
            raise CheckpointError(f"{self.where(name)} is not a JSON object")
        return found or {}

    def read_json(self, name: str) -> dict[str, Any]:
        """Read a JSON object. Raises CheckpointError if it is absent or not one."""
        found = self.find_json(name)
        if not isinstance(found, dict):
            what = "is missing" if found is None else "is not a JSON object"
            raise CheckpointError(f"{self.where(name)} {what}; pull the model again")
        return found


def _folder(path: str) -> str:
    if PurePath(path).is_absolute() or ".." in PurePath(path).parts:
        raise CheckpointError(f"modules.json: path {path!r} lies outside the model folder")
    return path
