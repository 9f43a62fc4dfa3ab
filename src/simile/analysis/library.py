"""Import a library that only the analysis needs, and keep its threads out of each other's way."""

import importlib
from contextlib import AbstractContextManager
from typing import Any

from simile.errors import MissingExtraError


def library(module: str, *, extra: str = "analysis") -> Any:
    """The module; MissingExtraError if it is not installed. A broken one keeps its traceback."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as exc:
        package = module.partition(".")[0]
        if (exc.name or "").partition(".")[0] != package:
            raise
        raise MissingExtraError(f"{package} is needed: pip install 'simile[{extra}]'") from exc


def one_blas_thread() -> AbstractContextManager[object] | None:
    """Within it BLAS computes on the calling thread alone; None where it cannot be told to.

    For many small products, for which its threads wait for each other longer than they compute.
    """
    try:
        from threadpoolctl import threadpool_limits
    except ModuleNotFoundError:
        return None
    limit: AbstractContextManager[object] = threadpool_limits(1, "blas")
    return limit
