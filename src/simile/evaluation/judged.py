"""Types of a judged collection, and a line reader whose errors name file and line."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, TypeGuard

import orjson

from simile.errors import InputError
from simile.evaluation.metrics import Span

MAX_LINE_BYTES = 16 * 2**20


@dataclass(frozen=True)
class Judged:
    """A query with its relevant documents."""

    query: str
    relevant: Mapping[str, int]
    """Grades by document id; with only spans, grade 1 for their documents."""
    spans: Sequence[Span] = ()
    principals: frozenset[str] = field(default_factory=frozenset)
    """Principals of the searcher; empty means those of the evaluation itself."""
    filter: str | None = None
    id: str = ""


@dataclass(frozen=True)
class JudgedLine:
    """One line of a file; errors raised through it name file and line."""

    path: Path
    number: int
    text: str

    def fail(self, message: str) -> NoReturn:
        """Raise InputError with file and line."""
        raise InputError(f"{self.path}, line {self.number}: {message}")

    def fields(self) -> dict[str, object]:
        """Parse the line as a JSON object."""
        try:
            value = orjson.loads(self.text)
        except orjson.JSONDecodeError as exc:
            self.fail(f"not JSON: {exc}")
        if not isinstance(value, dict):
            self.fail(f"got {type(value).__name__}; expected an object")
        return value

    def string(self, fields: Mapping[str, object], *names: str) -> str:
        """Return the first present field as a string; accepts non-blank strings and integers."""
        value = next((fields[name] for name in names if name in fields), None)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str) or not value.strip():
            self.fail(f"{names[0]} is {value!r:.80}; expected a non-blank string")
        return value

    def spans(self, fields: Mapping[str, object]) -> tuple[Span, ...]:
        """Return the gold spans; each names its document, or the line names one for all."""
        found = fields.get("spans", [])
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            self.fail("spans is invalid; expected a list of {document_id, start, end}")
        return tuple(self._span({**fields, **one}) for one in found)

    def _span(self, fields: Mapping[str, object]) -> Span:
        start, end = fields.get("start"), fields.get("end")
        if not (_whole(start) and _whole(end) and 0 <= start < end):
            self.fail(f"the span is {start!r} to {end!r}; expected integers, 0 <= start < end")
        return Span(self.string(fields, "document_id", "doc_id"), start, end)


def _whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def lines_of(path: Path) -> Iterator[JudgedLine]:
    """Yield the non-blank lines without line ends. Raises InputError if unreadable."""
    try:
        with path.open("rb") as file:
            number = 0
            while data := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                if len(data) > MAX_LINE_BYTES:
                    JudgedLine(path, number, "").fail(f"longer than {MAX_LINE_BYTES:,} bytes")
                line = JudgedLine(path, number, _decoded(path, number, data))
                if line.text.strip():
                    yield line
    except OSError as exc:
        raise InputError(f"{path} cannot be read: {exc.strerror}") from exc


def _decoded(path: Path, number: int, data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as exc:
        raise InputError(f"{path}, line {number}: not UTF-8: {exc.reason}") from exc
    return text.removesuffix("\n").removesuffix("\r")


def absent(judged: Iterable[Judged], known: Callable[[str], bool]) -> list[str]:
    """Return the relevant documents that are missing; without them an evaluation says little."""
    wanted = (id for one in judged for id, grade in one.relevant.items() if grade > 0)
    return [id for id in dict.fromkeys(wanted) if not known(id)]
