"""Find the end of the first JSON value in bytes, or report the error in the words of Go's scanner.

The slow path behind body.py. Keeps its own stack, so that no nesting can exhaust Python's.
Source: Go's encoding/json, scanner.go (read 2026-11).
"""

import re
from typing import NoReturn

from simile.server.errors import BodyError

MAX_DEPTH = 1024
"""What orjson reads; Go stops at 10,000."""

_ARRAY, _OBJECT, _QUOTE, _BACKSLASH, _COMMA, _COLON = b'[{"\\,:'
_ENDS = {_ARRAY: ord("]"), _OBJECT: ord("}")}
_AFTER = {_ARRAY: "after array element", _OBJECT: "after object key:value pair"}
_WORDS = {ord("t"): "true", ord("f"): "false", ord("n"): "null"}

_SPACE = re.compile(rb"[ \t\r\n]*")
_PLAIN = rb'[^"\\\x00-\x1f]*'
_STRING = re.compile(rb'"%b(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})%b)*' % (_PLAIN, _PLAIN))
_HEX = re.compile(rb"[0-9a-fA-F]*")
_NUMBER = re.compile(rb"-?(0|[1-9][0-9]*)?(\.[0-9]*)?([eE][+-]?[0-9]*)?")


def end_of_value(data: bytes) -> int:
    """Return the offset after the first value. Raises BodyError if it is malformed or cut short."""
    opened: list[int] = []
    at = 0
    while True:
        at = _skip_space(data, at)
        kind = data[at]
        if kind in _ENDS:
            if len(opened) == MAX_DEPTH:
                _fail(data, at, "exceeded max depth")
            opened.append(kind)
            at = _skip_space(data, at + 1)
            if data[at] != _ENDS[kind]:
                at = _key(data, at) if kind == _OBJECT else at
                continue
        else:
            at = _scalar(data, at)
        at = _close(data, at, opened)
        if not opened:
            return at


def _close(data: bytes, at: int, opened: list[int]) -> int:
    """Leave what ends after a value; returns where the next value is expected, if any is open."""
    while opened:
        at = _skip_space(data, at)
        kind = opened[-1]
        if data[at] == _COMMA:
            return _key(data, _skip_space(data, at + 1)) if kind == _OBJECT else at + 1
        if data[at] != _ENDS[kind]:
            _fail(data, at, _AFTER[kind])
        opened.pop()
        at += 1
    return at


def _key(data: bytes, at: int) -> int:
    if data[at] != _QUOTE:
        _fail(data, at, "looking for beginning of object key string")
    at = _skip_space(data, _string(data, at))
    if data[at] != _COLON:
        _fail(data, at, "after object key")
    return at + 1


def _scalar(data: bytes, at: int) -> int:
    first = data[at]
    if first == _QUOTE:
        return _string(data, at)
    if first in _WORDS:
        return _word(data, at, _WORDS[first])
    if first in b"-0123456789":
        return _number(data, at)
    _fail(data, at, "looking for beginning of value")


def _string(data: bytes, at: int) -> int:
    end = _match(_STRING, data, at).end()
    if data[end : end + 1] == b'"':
        return end + 1
    if data[end : end + 1] != b"\\":
        _fail(data, end, "in string literal")
    if data[end + 1 : end + 2] != b"u":
        _fail(data, end + 1, "in string escape code")
    _fail(data, _match(_HEX, data, end + 2).end(), "in \\u hexadecimal character escape")


def _word(data: bytes, at: int, word: str) -> int:
    for offset, letter in enumerate(word):
        if data[at + offset : at + offset + 1] != letter.encode():
            _fail(data, at + offset, f"in literal {word} (expecting '{letter}')")
    return at + len(word)


def _number(data: bytes, at: int) -> int:
    found = _match(_NUMBER, data, at)
    whole, fraction, exponent = found.groups()
    if whole is None:
        _fail(data, at + 1, "in numeric literal")
    if fraction == b".":
        _fail(data, found.end(2), "after decimal point in numeric literal")
    if exponent and not exponent[-1:].isdigit():
        _fail(data, found.end(3), "in exponent of numeric literal")
    return found.end()


def _match(pattern: re.Pattern[bytes], data: bytes, at: int) -> re.Match[bytes]:
    found = pattern.match(data, at)
    assert found, "every pattern of this file matches where it is asked"
    return found


def _skip_space(data: bytes, at: int) -> int:
    at = _match(_SPACE, data, at).end()
    if at == len(data):
        raise BodyError("unexpected EOF")
    return at


def _fail(data: bytes, at: int, context: str) -> NoReturn:
    if at >= len(data):
        raise BodyError("unexpected EOF")
    raise BodyError(f"invalid character {_quote(data[at])} {context}")


def _quote(byte: int) -> str:
    """Quote a byte as Go's quoteChar does: as the character of that number, escaped."""
    named = {39: r"\'", 34: '"', 92: r"\\", 7: r"\a", 8: r"\b", 9: r"\t", 10: r"\n", 11: r"\v"}
    named |= {12: r"\f", 13: r"\r"}
    if byte in named:
        return f"'{named[byte]}'"
    if chr(byte).isprintable():
        return f"'{chr(byte)}'"
    return f"'\\x{byte:02x}'" if byte < 0x80 else f"'\\u{byte:04x}'"
