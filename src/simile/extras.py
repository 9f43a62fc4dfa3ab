"""Import a library that an extra brings, or say how to install it."""

import importlib
from typing import Any

from simile.errors import MissingExtraError


def optional(module: str, *, extra: str) -> Any:
    """Give the module; MissingExtraError if it is not installed. A broken one raises its own."""
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] != package:
            raise
        raise MissingExtraError(f"{module} is needed: pip install 'simile[{extra}]'") from exc
