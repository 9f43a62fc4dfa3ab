"""Turn a keep_alive value into seconds, by Go's duration grammar and with its error texts.

Knows no route. Source: Go's time.ParseDuration and Ollama v0.33's api.Duration, as told by
Ollama 0.33's API (read 2026-11).
"""

import math
import re

from simile.config import DEFAULT_KEEP_ALIVE_S
from simile.errors import ConfigError
from simile.server.errors import BodyError

_UNITS_NS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6}
_UNITS_NS |= {"s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_PART = re.compile(r"([0-9]*)(\.[0-9]*)?([^.0-9]*)")
_LIMIT_NS = 2**63
_LONGEST = 8192
_GO_TYPES = {bool: "bool", list: "[]interface {}", dict: "map[string]interface {}"}


def keep_alive_s(value: object) -> float:
    """Read a number of seconds or a Go duration; negative and out of range are math.inf."""
    if type(value) in _GO_TYPES:
        raise BodyError(f"Unsupported type: '{_GO_TYPES[type(value)]}'")
    if isinstance(value, str):
        ns = duration_ns(value)
        return ns / 1e9 if ns >= 0 else math.inf
    assert isinstance(value, int | float)
    return float(value) if 0 <= value < _LIMIT_NS / 1e9 else math.inf


def keep_alive_setting_s(text: str) -> float:
    """Read SIMILE_KEEP_ALIVE, a duration or a number of seconds. Raises ConfigError."""
    text = text.strip("\"'")
    if not text:
        return DEFAULT_KEEP_ALIVE_S
    try:
        return keep_alive_s(int(text) if _WHOLE.fullmatch(text) else text)
    except BodyError as exc:
        raise ConfigError(
            f"SIMILE_KEEP_ALIVE: {exc}; expected e.g. 5m, 1h30m, 300 (seconds), 0 or -1 (for ever)"
        ) from exc


_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")


def duration_ns(text: str) -> int:
    """Read a Go duration such as `1h30m`, `-1.5s` or `0`, in ns; BodyError in Go's words."""
    if len(text) > _LONGEST:
        raise BodyError(f"time: invalid duration of {len(text):,} characters")
    negative = text.startswith("-")
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return 0
    total, at = 0, 0
    while at < len(rest) or not rest:
        part = _PART.match(rest, at)
        assert part
        total += _part_ns(part, text)
        if total > _LIMIT_NS - (not negative):
            raise _invalid(text)
        at = part.end()
    return -total if negative else total


def _part_ns(part: re.Match[str], text: str) -> int:
    whole, fraction, unit = part.groups(default="")
    # Longer than 2**63 has digits, and than int() reads.
    if (not whole and len(fraction) < 2) or len(whole.lstrip("0")) > 19:
        raise _invalid(text)
    if not unit:
        raise BodyError(f"time: missing unit in duration {_quote(text)}")
    if unit not in _UNITS_NS:
        raise BodyError(f"time: unknown unit {_quote(unit)} in duration {_quote(text)}")
    scale = _UNITS_NS[unit]
    return int(whole or 0) * scale + int(float(f"0{fraction}") * scale)


def _invalid(text: str) -> BodyError:
    return BodyError(f"time: invalid duration {_quote(text)}")


def _quote(text: str) -> str:
    quoted = "".join(
        f"\\{char}" if char in '"\\' else char if " " <= char < "\x80" else _bytes_of(char)
        for char in text
    )
    return f'"{quoted}"'


def _bytes_of(char: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogatepass"))
