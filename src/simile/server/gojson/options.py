"""Turn the `options` of a request into the window it asks for.

Every option Ollama knows is checked for its type, as there; only num_ctx has an effect, since the
rest are about sampling or about llama.cpp. Source: Ollama v0.33, api/types.go, Options.FromMap, and
Ollama 0.33's API (read 2026-11).
"""

from collections.abc import Callable, Mapping

from simile.server.errors import OptionError


def _is_number(value: object) -> bool:
    return type(value) in (int, float)


def _is_bool(value: object) -> bool:
    return type(value) is bool


def _is_array(value: object) -> bool:
    return type(value) is list


_CHECKS: dict[str, Callable[[object], bool]] = {
    "integer": _is_number,
    "float32": _is_number,
    "boolean": _is_bool,
    "array": _is_array,
}
_NAMES = {
    "integer": "num_ctx num_batch num_gpu main_gpu num_thread draft_num_predict num_keep seed"
    " num_predict top_k repeat_last_n",
    "float32": "top_p min_p typical_p temperature repeat_penalty presence_penalty"
    " frequency_penalty",
    "boolean": "use_mmap",
    "array": "stop",
}
KINDS = {name: kind for kind, names in _NAMES.items() for name in names.split()}


def window_of(options: Mapping[str, object]) -> int | None:
    """Read num_ctx as an integer, or None if it is missing. Raises OptionError for a wrong type."""
    for name, value in options.items():
        kind = KINDS.get(name)
        if kind is not None and value is not None and not _CHECKS[kind](value):
            raise OptionError(f'option "{name}" must be of type {kind}')
    window = options.get("num_ctx")
    return int(window) if isinstance(window, int | float) else None
