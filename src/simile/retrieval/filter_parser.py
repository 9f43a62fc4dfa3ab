"""Parse a filter expression, typed by a user, into the tree that `filters` evaluates.

Knows only the language, neither stores nor documents. Recursive descent over tokens from one
possessive regular expression, so time is linear; length, depth, lists and the number of names are
bounded, so every filter is cheap. The language is described in docs/search.md.
"""

import math
import re
from dataclasses import dataclass
from typing import Literal, NoReturn, cast

from simile.errors import InputError
from simile.types import MetadataValue

MAX_CHARACTERS = 10_000
MAX_DEPTH = 50
MAX_VALUES = 1_000
MAX_NAMES = 32
"""Distinct names in a filter; a view caches more columns than that, so none is read twice."""

EXAMPLE = "lang = 'en' and year >= 2020"
Order = Literal["<", "<=", ">", ">="]


@dataclass(frozen=True)
class OneOf:
    """The field has one of the values; None among them means unset."""

    name: str
    values: tuple[MetadataValue, ...]


@dataclass(frozen=True)
class Ordered:
    """The field has the value's kind and is in this order to it."""

    name: str
    order: Order
    value: str | int | float


@dataclass(frozen=True)
class Not:
    """The part is false."""

    part: "Filter"


@dataclass(frozen=True)
class And:
    """All parts are true; there are two or more."""

    parts: "tuple[Filter, ...]"


@dataclass(frozen=True)
class Or:
    """Any part is true; there are two or more."""

    parts: "tuple[Filter, ...]"


Filter = OneOf | Ordered | Not | And | Or

_TOKEN = re.compile(
    r"""(?P<text>'(?:[^'\\]|''|\\.)*+' | "(?:[^"\\]|""|\\.)*+")
    | (?P<quoted>`(?:[^`]|``)*+`)
    | (?P<number>-?\.?[0-9][\w.+-]*+)
    | (?P<name>[^\W\d][\w.-]*+)
    | (?P<operator><=|>=|<>|!=|==|[=<>])
    | (?P<mark>[()\[\],])""",
    re.VERBOSE | re.DOTALL,
)
_SPACE = re.compile(r"\s*+")
_NUMBER = re.compile(r"-?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?")
_ESCAPED = {
    "'": re.compile(r"\\([\\'\"])|'(')"),
    '"': re.compile(r"\\([\\'\"])|\"(\")"),
    "`": re.compile(r"`(`)"),
}
_KEYWORDS = {"and", "or", "not", "in", "true", "false", "null"}
_CONSTANTS = {"true": True, "false": False, "null": None}
_BRACKETS = {"(": ")", "[": "]"}
_HINTS = {"&": "write `and`", "|": "write `or`", "!": "write `not` or `!=`"}
_HINTS |= dict.fromkeys("'\"`", "this quote is never closed")
_OPERATORS = "an operator (=, !=, <, <=, >, >=, in, not in)"
_SHOWN = 40


@dataclass(frozen=True)
class _Token:
    kind: str
    """The pattern's group, or `keyword` or `end`."""
    shown: str
    at: int
    """Position of its first character, counted from 1."""
    value: MetadataValue = None

    def is_mark(self, *marks: str) -> bool:
        return self.kind in {"mark", "keyword"} and self.value in marks


def parse_filter(text: str) -> Filter:
    """Parse an expression such as `lang = 'en' and not draft = true`.

    `=`, `!=` and `in` all become OneOf, so that equal meanings have equal trees. Raises
    InputError, which states what is wrong, at which character, and what was expected.
    """
    if not isinstance(text, str):
        got = type(text).__name__
        raise InputError(f"the filter is of type {got}; expected a string such as: {EXAMPLE}")
    if len(text) > MAX_CHARACTERS:
        raise InputError(
            f"the filter has {len(text)} characters; expected at most {MAX_CHARACTERS}, "
            f"for example: {EXAMPLE}"
        )
    return _Parser(_tokens(text)).parse()


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    begin = _end_of_space(text, 0)
    while begin < len(text):
        found = _TOKEN.match(text, begin)
        if found is None:
            hint = _HINTS.get(text[begin], "put a name with such a character in `backticks`")
            _fail(_Token("", text[begin], begin + 1), "a name, a value or an operator", hint)
        tokens.append(_token(found))
        begin = _end_of_space(text, found.end())
    return [*tokens, _Token("end", "", len(text) + 1)]


def _end_of_space(text: str, begin: int) -> int:
    found = _SPACE.match(text, begin)
    return found.end() if found else begin


def _token(found: re.Match[str]) -> _Token:
    kind, shown, at = found.lastgroup or "", found[0], found.start() + 1
    if kind == "name" and shown.lower() in _KEYWORDS:
        return _Token("keyword", shown, at, shown.lower())
    if kind == "number":
        return _Token(kind, shown, at, _number(shown, at))
    if kind in {"text", "quoted"}:
        plain = _ESCAPED[shown[0]].sub(lambda escaped: escaped[escaped.lastindex or 0], shown[1:-1])
        return _Token("text" if kind == "text" else "name", shown, at, plain)
    return _Token(kind, shown, at, shown)


def _number(shown: str, at: int) -> int | float:
    """Return the number as a store keeps it: integers beyond 64 bits as floats."""
    if not _NUMBER.fullmatch(shown):
        quoted = f"put text in quotes: '{shown[:_SHOWN]}'"
        _fail(_Token("number", shown, at), "a number", quoted)
    number = float(shown)
    if not math.isfinite(number):
        _fail(_Token("number", shown, at), "a number below 1.8e308")
    if shown.removeprefix("-").isdecimal() and -(2**63) <= (whole := int(shown)) < 2**63:
        return whole
    return number


class _Parser:
    """Parses tokens from left to right; each method consumes what its name says."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._place = 0
        self._depth = 0
        self._names: set[str] = set()

    def parse(self) -> Filter:
        if self._next.kind == "end":
            raise InputError(f"the filter is empty; for example: {EXAMPLE}")
        tree = self._either()
        if self._next.kind != "end":
            _fail(self._next, "`and`, `or` or the end")
        return tree

    @property
    def _next(self) -> _Token:
        return self._tokens[self._place]

    def _take(self) -> _Token:
        token = self._next
        self._place += token.kind != "end"
        return token

    def _takes(self, *marks: str) -> bool:
        if found := self._next.is_mark(*marks):
            self._place += 1
        return found

    def _either(self) -> Filter:
        parts = [self._all()]
        while self._takes("or"):
            parts.append(self._all())
        return Or(tuple(parts)) if len(parts) > 1 else parts[0]

    def _all(self) -> Filter:
        parts = [self._one()]
        while self._takes("and"):
            parts.append(self._one())
        return And(tuple(parts)) if len(parts) > 1 else parts[0]

    def _one(self) -> Filter:
        token = self._next
        if not self._takes("not", "("):
            return self._comparison()
        self._depth += 1
        if self._depth > MAX_DEPTH:
            _fail(token, f"at most {MAX_DEPTH} parentheses and `not` inside each other")
        if token.value == "not":
            tree: Filter = Not(self._one())
        else:
            tree = self._either()
            if not self._takes(")"):
                _fail(self._next, f"`and`, `or` or the `)` for character {token.at}")
        self._depth -= 1
        return tree

    def _comparison(self) -> Filter:
        name, operator = self._name(), self._take()
        if operator.is_mark("in"):
            return OneOf(name, self._list())
        if operator.is_mark("not") and self._takes("in"):
            return Not(OneOf(name, self._list()))
        if operator.kind != "operator":
            _fail(operator, f"{_OPERATORS} after the name {_clip(name)}")
        token, value = self._next, self._value()
        if operator.value in {"=", "=="}:
            return OneOf(name, (value,))
        if operator.value in {"!=", "<>"}:
            return Not(OneOf(name, (value,)))
        if value is None or isinstance(value, bool):
            _fail(token, f"text or a number after {operator.shown}", "use = or != instead")
        return Ordered(name, cast(Order, operator.value), value)

    def _name(self) -> str:
        token = self._take()
        if token.kind != "name":
            keyword = token.kind == "keyword"
            hint = f"to use it as a name, put it in backticks: `{token.shown}`" if keyword else ""
            _fail(token, "the name of a field", hint)
        self._names.add(str(token.value))
        if len(self._names) > MAX_NAMES:
            _fail(token, f"at most {MAX_NAMES} distinct names")
        return str(token.value)

    def _list(self) -> tuple[MetadataValue, ...]:
        opening = self._take()
        if not opening.is_mark(*_BRACKETS):
            _fail(opening, "a list in parentheses", "as in: lang in ('en', 'de')")
        values = [self._value()]
        while self._takes(","):
            if len(values) == MAX_VALUES:
                _fail(self._next, f"at most {MAX_VALUES} values in a list")
            values.append(self._value())
        if not self._takes(closing := _BRACKETS[opening.shown]):
            _fail(self._next, f"`,` or the `{closing}` for character {opening.at}")
        return tuple(values)

    def _value(self) -> MetadataValue:
        token = self._take()
        if token.kind in {"text", "number"}:
            return token.value
        if token.kind == "keyword" and token.value in _CONSTANTS:
            return _CONSTANTS[str(token.value)]
        bare = token.kind in {"name", "keyword"}
        hint = f"put text in quotes: '{token.shown[:_SHOWN]}'" if bare else ""
        _fail(token, "a value ('text', a number, true, false or null)", hint)


def _fail(token: _Token, expected: str, hint: str = "") -> NoReturn:
    got = "it ends" if token.kind == "end" else f"got {_clip(token.shown)}"
    words = f"filter, character {token.at}: {got}, expected {expected}"
    raise InputError(f"{words}{hint and '; '}{hint}; for example: {EXAMPLE}")


def _clip(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
