"""Turn the bytes of a request into a JSON value, as Go's encoding/json would.

orjson reads what is well formed. What it refuses is read again by Go's rules: the first value
counts and what follows it does not, bytes that are not UTF-8 and lone surrogates become U+FFFD, an
error has Go's words. Knows no field and no route.
Source: Go's encoding/json, scanner.go, stream.go and decode.go (read 2026-11).
"""

import codecs
import re

import orjson

from simile.server.errors import BodyError, EmptyBodyError
from simile.server.gojson.scanner import end_of_value
from simile.server.gojson.weight import MAX_WEIGHT, weight_of

LIGHT_BYTES = 65_536
"""Bodies up to here are read within milliseconds, whatever is in them."""
_MENDED_BYTES = 2**18
"""Larger ones that are malformed are refused at once: Go's rules take a second per megabyte."""

_ESCAPE = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)")


def decode(body: bytes) -> object:
    """Read the first JSON value. Raises BodyError, in Go's words unless the body is large."""
    if len(body) > LIGHT_BYTES and weight_of(body) > MAX_WEIGHT:
        raise BodyError(
            "the body holds too many values; expected at most a million numbers, or a hundred"
            " thousand objects; send it in parts"
        )
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        if len(body) > _MENDED_BYTES:
            raise BodyError(f"the body is not JSON: {exc.msg[:80]} (character {exc.pos})") from None
        return _decode_first(body)


def _decode_first(body: bytes) -> object:
    if not body.strip(b" \t\r\n"):
        raise EmptyBodyError("there is no body; expected a JSON object")
    text = body[: end_of_value(body)].decode("utf-8", _REPLACE_EACH_BYTE)
    text = _ESCAPE.sub(lambda found: r"\ufffd" if found[1] else found[0], text)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        # Well formed, so the one thing left is a number that no float64 can hold.
        raise BodyError("json: cannot unmarshal number into Go value of type float64") from exc


def _each_byte(exc: UnicodeError) -> tuple[str, int]:
    assert isinstance(exc, UnicodeDecodeError)
    return "\ufffd" * (exc.end - exc.start), exc.end


# Python's own "replace" writes one mark for a run of bytes that might have become a character.
_REPLACE_EACH_BYTE = "simile-each-byte"
codecs.register_error(_REPLACE_EACH_BYTE, _each_byte)
