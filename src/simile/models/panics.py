"""Turn a panic of the tokenizers library, written in Rust, into an error of ours."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from simile.errors import EngineError

P = ParamSpec("P")
R = TypeVar("R")


def panics_told(method: Callable[P, R]) -> Callable[P, R]:
    """Let a panic of the library's come as EngineError; it would end a thread, as an exit does."""

    @wraps(method)
    def told(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except BaseException as exc:
            if type(exc).__name__ != "PanicException":
                raise
            raise EngineError("the model's tokenizer cannot read this text") from None

    return told
