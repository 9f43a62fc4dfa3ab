"""Read the model names of requests, and say that no model has one.

Knows the grammar of names and the words of each route; does not know which models are here. Words
as Ollama v0.33 has them (Ollama 0.33's API, read 2026-11).
"""

from dataclasses import dataclass
from typing import Literal

from simile.errors import ModelNameError, ModelNotFoundError
from simile.hub.names import ModelName, is_path

Style = Literal["plain", "quoted", "pull"]
_NOT_FOUND: dict[Style, str] = {
    "plain": "model '{}' not found",
    "quoted": 'model "{}" not found',
    "pull": 'model "{}" not found, try pulling it first',
}


@dataclass(frozen=True, slots=True)
class AskedModel:
    """The model that a request is for."""

    text: str
    """As it was written; answers repeat it."""
    name: ModelName | str
    """The parsed name; a string is a path, which only the server's own options may give."""

    def __bool__(self) -> bool:
        return bool(self.text)

    @classmethod
    def served(cls, text: str) -> "AskedModel":
        """Read a name or a path that the server was started with; raises ModelNameError."""
        return cls(text, text if is_path(text) else ModelName.parse(text))


NOT_NAMED = AskedModel("", "")
"""The model of a request that names none; false."""


def read_model(text: str, *, required: bool = True) -> AskedModel:
    """Read the model of a request for vectors or scores; an empty name is NOT_NAMED if it may be.

    Raises ModelNotFoundError for a blank name, ModelNameError for a path or what is no name.
    """
    if not text and not required:
        return NOT_NAMED
    if not text.strip():
        raise not_found(text, "plain")
    _refuse_path(text, text)
    return AskedModel(text, ModelName.parse(text))


def read_name(text: str) -> ModelName:
    """Read the name of a model to show or change. Raises ModelNameError for an invalid name."""
    name = ModelName.parse(text)
    _refuse_path(name.display, text)
    return name


def not_found(text: str, style: Style) -> ModelNotFoundError:
    """Make the error that no model has the name that a client wrote."""
    return ModelNotFoundError(_NOT_FOUND[style].format(text))


def _refuse_path(name: str, text: str) -> None:
    if is_path(name):
        raise ModelNameError(f"{text!r} is a path; a client may only name models")
