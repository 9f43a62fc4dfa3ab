"""Print output for programs: one JSON value per line, in UTF-8."""

import dataclasses
import json
import sys
from collections.abc import Mapping
from typing import Any

import orjson

from simile.texts import json_printable

_OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY


def print_json(value: object) -> None:
    """Print a value as one JSON line on stdout."""
    sys.stdout.flush()
    sys.stdout.buffer.write(json_line(value))
    sys.stdout.buffer.flush()


def json_line(value: object) -> bytes:
    """Dump a value as one line: dataclasses as objects, other types as strings.

    Control characters, and those that reorder text, are escaped: a line may be shown on a terminal.
    """
    try:
        line = orjson.dumps(value, default=_plain, option=_OPTIONS)
    except orjson.JSONEncodeError:  # A lone surrogate, or an integer of more than 64 bits.
        line = json.dumps(value, default=_plain).encode() + b"\n"
    return json_printable(line)


def shown(value: object) -> str:
    """Write a value for people: `none`, `yes`, `1,000`, `a = 1, b = 2`."""
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} = {shown(each)}" for name, each in value.items()) or "none"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(map(shown, value)) or "none"
    return str(value)


def _plain(value: Any) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return list(value) if isinstance(value, tuple | set | frozenset) else str(value)
