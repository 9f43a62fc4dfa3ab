"""Print output for programs: one JSON value per line, in unescaped UTF-8."""

import dataclasses
import json
import sys
from typing import Any

import orjson

_OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY


def print_json(value: object) -> None:
    """Print a value as one JSON line on stdout: dataclasses as objects, other types as strings."""
    try:
        line = orjson.dumps(value, default=_plain, option=_OPTIONS)
    except orjson.JSONEncodeError:  # A lone surrogate, or an integer of more than 64 bits.
        line = json.dumps(value, default=_plain).encode() + b"\n"
    sys.stdout.flush()
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def _plain(value: Any) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return list(value) if isinstance(value, tuple | set | frozenset) else str(value)
