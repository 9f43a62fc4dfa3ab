"""Read a file of labels as examples: bare names, descriptions, or texts with their labels.

JSON `{"label": ["text", …]}` or `{"label": "description"}`; NDJSON `{"text", "label"}`; CSV and TSV
with these two columns; lines of `label`, tab, text; or lines of names. Knows no vectors.
"""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simile.errors import InputError
from simile.texts import without_surrogates


@dataclass
class Examples:
    """Distinct texts with their labels."""

    texts: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)
    """A message for each text repeated with another label; the first label is used."""
    merged: int = 0
    """Number of texts repeated with the same label."""
    _places: dict[str, tuple[str, str]] = field(default_factory=dict, repr=False)

    def add(self, text: str, label: str, place: str) -> None:
        """Add an example; `place` is its position in the file."""
        text, label = without_surrogates(text).strip(), without_surrogates(label).strip()
        if not text or not label:
            raise InputError(f"{place} has no {'text' if label else 'label'}")
        before = self._places.setdefault(text, (label, place))
        if before == (label, place):
            self.texts.append(text)
            self.labels.append(label)
        elif before[0] == label:
            self.merged += 1
        else:
            self.contradictions.append(
                f"{place} has label {label!r}, but {before[1]} has {before[0]!r} for the same text"
            )


def read_labels(path: Path) -> Examples:
    """Read a file of labels. Raises InputError that names the invalid line or label."""
    try:
        text = path.read_text("utf-8-sig", errors="replace")
    except OSError as exc:
        raise InputError(f"{path} cannot be read: {exc.strerror}") from exc
    examples = Examples()
    for content, label, place in _rows(path, text):
        examples.add(content, label, place)
    if len(set(examples.labels)) < 2:
        raise InputError(f"{path} has fewer than two distinct labels")
    return examples


def words_of(name: str) -> str:
    """Split a label's name into words: `card_arrival` and `cardArrival` become "card arrival"."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    words = " ".join(re.sub(r"[_\-/.]+", " ", spaced).split())
    return (words if words.isupper() else words.lower()) or name


_Row = tuple[str, str, str]
"""Text, label, and position in the file."""


def _rows(path: Path, text: str) -> Iterator[_Row]:
    suffix = path.suffix.lower()
    if suffix == ".json":
        yield from _of_json(path, text)
    elif suffix in (".jsonl", ".ndjson") or text.lstrip().startswith("{"):
        yield from _of_ndjson(text)
    elif suffix in (".csv", ".tsv") or "\t" in text:
        yield from _of_table(text, "," if suffix == ".csv" else "\t")
    else:
        for number, line in enumerate(text.split("\n"), start=1):
            if line.strip():
                yield words_of(line), line, f"line {number}"


def _of_json(path: Path, text: str) -> Iterator[_Row]:
    try:
        value: Any = json.loads(text, object_pairs_hook=list)  # Keeps repeated labels.
    except (ValueError, RecursionError) as exc:
        raise InputError(f"{path} is not JSON: {exc}") from exc
    if not isinstance(value, list):
        raise InputError(f'{path} is {type(value).__name__}; expected {{"label": ["text", …]}}')
    for number, item in enumerate(value, start=1):
        if isinstance(item, str):  # A list of names.
            yield words_of(item), item, f"item {number}"
        elif isinstance(item, tuple):
            yield from _of_label(*item)
        else:
            pairs = isinstance(item, list) and all(isinstance(one, tuple) for one in item)
            yield _of_object(dict(item) if pairs else item, f"item {number}")


def _of_label(label: str, given: Any) -> Iterator[_Row]:
    texts = [given] if isinstance(given, str) else given
    if texts is None or texts == [] or texts == "":
        texts = [words_of(label)]
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InputError(
            f"the label {label!r} has {given!r:.60}; expected a text or a list of texts"
        )
    for number, text in enumerate(texts, start=1):
        yield text or words_of(label), label, f"text {number} of {label!r}"


def _of_ndjson(text: str) -> Iterator[_Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as exc:
                raise InputError(f"line {number} is not JSON: {exc}") from exc
            yield _of_object(value, f"line {number}")


def _of_object(value: Any, place: str) -> _Row:
    text, label = (
        (value.get("text"), value.get("label")) if isinstance(value, dict) else (None,) * 2
    )
    if not isinstance(text, str) or not isinstance(label, str | int):
        raise InputError(f'{place} is {value!r:.80}; expected {{"text": …, "label": …}}')
    return text, str(label), place


def _of_table(text: str, delimiter: str) -> Iterator[_Row]:
    label, content = 0, 1
    for number, fields in _fields(text, delimiter):
        names = [name.strip().lower() for name in fields]
        if number == 1 and {"label", "text"} <= set(names):
            label, content = names.index("label"), names.index("text")
        elif len(fields) > max(label, content):
            yield fields[content], fields[label], f"line {number}"
        elif any(fields):
            raise InputError(f"line {number} has {len(fields)} columns; expected label and text")


def _fields(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the last line number and the fields of each row; only CSV has quotes."""
    if delimiter != ",":
        for number, line in enumerate(text.split("\n"), start=1):
            yield number, line.split(delimiter)
        return
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))  # Per process.
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        for fields in reader:
            yield reader.line_num, fields
    except csv.Error as exc:
        raise InputError(f"line {reader.line_num} is not CSV: {exc}") from exc
