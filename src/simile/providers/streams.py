"""Cut a stream of pieces of any size into lines, and lines into server-sent events.

Knows NDJSON and server-sent events (WHATWG HTML, 9.2.6, read 2026-11); does not know sockets or
what the JSON means. A line has a largest size and a longest time to come in.
"""

import json
import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from time import monotonic
from typing import Any

import orjson

MAX_LINE_BYTES = 2**20
DONE = b"[DONE]"
"""OpenAI's last event."""
_END = re.compile(rb"\r\n|\n|\r(?!\Z)")
"""An end of line; a last CR waits for what follows it, which may be its LF."""


class UnreadableError(ValueError):
    """The stream is invalid; the message follows the name of its sender."""


def split_lines(pieces: Iterable[bytes], *, timeout_s: float) -> Iterator[bytes]:
    """Yield lines without their ends; the last one may have none.

    Raises UnreadableError for a line that is over MAX_LINE_BYTES, or takes over timeout_s.
    """
    held = bytearray()
    since = monotonic()
    for piece in pieces:
        start = max(len(held) - 1, 0)
        held += piece
        if _END.search(held, start):
            *lines, rest = _END.split(bytes(held))
            for line in lines:
                _check_size(line)
                yield line
            held, since = bytearray(rest), monotonic()
        _check_size(held)
        if monotonic() - since > timeout_s:
            raise UnreadableError(f"said nothing more for {timeout_s:g} s")
    if held:
        yield bytes(held.removesuffix(b"\r"))


def events(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the data of server-sent events; comments and other fields are left out.

    A line of data that is a whole JSON value does not wait for the empty line after it, which some
    servers forget.
    """
    held: list[bytes] = []
    size = 0
    for line in lines:
        name, _, value = line.partition(b":")
        if not line and held:
            yield b"\n".join(held)
            held, size = [], 0
        elif name == b"data":
            value = value.removeprefix(b" ")
            if not held and (value == DONE or _is_json(value)):
                yield value
            else:
                held.append(value)
                size += len(value)
                if size > MAX_LINE_BYTES:
                    raise UnreadableError(f"sent an event of over {MAX_LINE_BYTES:,} bytes")
    if held:
        yield b"\n".join(held)


def without_bom(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Take the byte order mark off the first line."""
    for place, line in enumerate(lines):
        yield line if place else line.removeprefix(BOM_UTF8)


def read_object(data: bytes) -> dict[str, Any]:
    """Read a JSON object. Raises UnreadableError for anything else."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        try:
            value = json.loads(data)  # Reads halves of surrogate pairs, which some engines write.
        except (ValueError, RecursionError):
            # The cause would hold the text.
            raise UnreadableError("sent a part that is not JSON") from None
    if not isinstance(value, dict):
        raise UnreadableError("sent a part that is no JSON object")
    return value


def _check_size(line: bytes | bytearray) -> None:
    if len(line) > MAX_LINE_BYTES:
        raise UnreadableError(f"sent a line of over {MAX_LINE_BYTES:,} bytes")


def _is_json(value: bytes) -> bool:
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError:
        return False
    return True
