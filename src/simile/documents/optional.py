"""Import a library that only one kind of file needs, or name the extra that brings it."""

import importlib
from typing import Any

from simile.errors import MissingExtraError


def optional(module: str, *, extra: str) -> Any:
    """The module; MissingExtraError if it is not installed. A broken one keeps its traceback."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] != module.partition(".")[0]:
            raise
        raise MissingExtraError(
            f"{module} is needed for this file: pip install 'simile[{extra}]'"
        ) from exc
