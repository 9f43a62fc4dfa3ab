"""Turn the bytes of a request into a JSON value, as Go's encoding/json would.

orjson reads what is well formed. What it refuses, if it is short, is read again by Go's rules: the
first value counts and what follows it does not, bytes that are not UTF-8 and lone surrogates become
U+FFFD, an error has Go's words. Knows no field and no route.
Source: Go's encoding/json, scanner.go, stream.go and decode.go (read 2026-11).
"""

import codecs
import re

import orjson

from simile.server.errors import BodyError, BodyTooLargeError, EmptyBodyError
from simile.server.gojson.scanner import end_of_value

_MAX_SLOW_BYTES = 65_536
"""Size of a body that may be read again by Go's rules, at half a second per megabyte."""
_MAX_VALUES = 400_000
"""About as many texts, ids or objects; OpenAI takes 300,000 ids."""
_MAX_BRACKETS = 100_000
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)")


def decode(body: bytes) -> object:
    """Read the first JSON value. Raises BodyError in Go's words."""
    if len(body) > _MAX_SLOW_BYTES:
        _require_few_values(body)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        if len(body) > _MAX_SLOW_BYTES:
            raise BodyError(f"invalid JSON: {exc}") from exc
        return _decode_first(body)


def _require_few_values(body: bytes) -> None:
    """Raise BodyTooLargeError for a body that takes long to read; counting takes no time.

    What stands in texts is counted, too: the limit leaves room for 8 MB of prose or of code.
    """
    values = len(body) - len(body.translate(None, b",[{"))
    brackets = body.count(b"[") + body.count(b"{") if values > _MAX_BRACKETS else 0
    if values > _MAX_VALUES or brackets > _MAX_BRACKETS:
        raise BodyTooLargeError(
            f"the body has {values:,} commas and brackets, {brackets:,} brackets among them; "
            f"expected {_MAX_VALUES:,} and {_MAX_BRACKETS:,} at most: send fewer texts or ids"
        )


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
