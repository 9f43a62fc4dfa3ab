"""Turn strings, times and numbers into JSON text, byte for byte as Go's encoder would.

Knows no protocol. Go differs from orjson in three things: it escapes `<`, `>`, `&` and the line
separators, prints whole floats without `.0`, and uses an exponent only below 1e-6 and from 1e21 on.
Source: Go's encoding/json, encode.go (floatEncoder, appendString) and time's RFC3339Nano, read
2026-11.
"""

import re
from datetime import datetime

import numpy as np
import orjson
from numpy.typing import NDArray

_UNSAFE = [(char.encode(), b"\\u%04x" % ord(char)) for char in "<>&\u2028\u2029"]
_EXPONENT = re.compile(rb"[+-]?[0-9]+")
# The longest shortest decimal of a float64: sign, 17 digits, point.
_LONGEST_MANTISSA = 19


def json_value(value: object) -> bytes:
    """Write strings, integers and what holds them; strings must be free of lone surrogates."""
    text = orjson.dumps(value)
    for char, escape in _UNSAFE:
        if char in text:
            text = text.replace(char, escape)
    return text


def json_time(moment: datetime) -> str:
    """Write an aware time as RFC3339Nano with the local offset."""
    local = moment.astimezone()
    fraction = f".{local.microsecond:06d}".rstrip("0").rstrip(".")
    offset = local.strftime("%z")
    zone = "Z" if offset == "+0000" else f"{offset[:3]}:{offset[3:5]}"
    return f"{local:%Y-%m-%dT%H:%M:%S}{fraction}{zone}"


def json_numbers(values: NDArray[np.float32] | NDArray[np.float64]) -> bytes:
    """Write finite floats as nested arrays of the shortest decimals that round-trip their type."""
    text = orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)
    # Only a whole number ends so, as the decimals are the shortest.
    return _go_exponents(text.replace(b".0,", b",").replace(b".0]", b"]"))


def _go_exponents(text: bytes) -> bytes:
    """Rewrite numbers that have an exponent; most have none, so little else is looked at."""
    left, *rest = text.split(b"e")
    pieces = []
    for part in rest:
        near = left[-_LONGEST_MANTISSA - 1 :]
        start = len(left) - len(near) + max(near.rfind(b","), near.rfind(b"[")) + 1
        exponent = _EXPONENT.match(part)
        assert exponent, "orjson writes digits after e"
        pieces += [left[:start], _go_number(left[start:].decode(), int(exponent[0])).encode()]
        left = part[exponent.end() :]
    return b"".join([*pieces, left])


def _go_number(mantissa: str, exponent: int) -> str:
    """Write mantissa times 10 to the exponent in Go's form; the mantissa has one leading digit."""
    if not -6 <= exponent < 21:
        return f"{mantissa.removesuffix('.0')}e{exponent:+d}"
    sign = "-" if mantissa[0] == "-" else ""
    whole, _, fraction = mantissa.removeprefix("-").partition(".")
    digits = whole + fraction
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}".rstrip("0")
    return sign + digits.ljust(exponent + 1, "0")
