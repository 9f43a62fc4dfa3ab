"""Turn a model's name as a client writes it into a name that the hub knows.

A client may only name models; paths are refused, whatever protocol it speaks.
"""

from functools import lru_cache

from simile.errors import ModelNameError, ModelNotFoundError
from simile.hub.names import ModelName, is_path


def read_name(text: str) -> ModelName:
    """Read a model's name; ModelNameError if it is none, or what others would take for a path."""
    name = ModelName.parse(text)
    if is_path(name.display):
        raise ModelNameError(f"{text!r} is a path; a client may only name models")
    return name


def check_model(model: str) -> str:
    """Return a model's name as it came; ModelNotFoundError if blank, ModelNameError if no name."""
    if not model.strip():
        raise ModelNotFoundError(f"model '{model}' not found")
    if is_path(model):
        raise ModelNameError(f"{model!r} is a path; a client may only name models")
    _parse(model)
    return model


_parse = lru_cache(maxsize=256)(ModelName.parse)
