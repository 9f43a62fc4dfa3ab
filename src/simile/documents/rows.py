"""CSV, JSON and NDJSON to documents: a row with a `text` is one document.

Fields: `id` or `_id` (as BEIR writes it), `title`, `text`, `metadata` (an object), `acl` (a list,
or text with commas); every other field is metadata. A file whose rows have no `text` is one text.
CSV: RFC 4180; NDJSON: one object a line.
"""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

import orjson

from simile.documents.fields import acl_of, metadata_of, title_of
from simile.documents.reading import FileLimits, decode, encoding_of, is_binary
from simile.errors import InputError
from simile.types import Document

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?")
_OWN = {"id", "_id", "title", "text", "acl", "metadata"}


def document_of(row: Mapping[str, object], default_id: str, acl: Sequence[str]) -> Document:
    """The document of a row; InputError names the field that cannot be used."""
    text = row.get("text")
    if not isinstance(text, str):
        raise InputError(f"text is {type(text).__name__}; expected a string")
    nested = row.get("metadata")
    if nested is not None and not isinstance(nested, dict):
        raise InputError(f"metadata is {type(nested).__name__}; expected an object")
    rest = {name: value for name, value in row.items() if name not in _OWN}
    given = row.get("id", row.get("_id"))
    return Document(
        id=default_id if given in (None, "") else str(given),
        text=text,
        title=title_of(row.get("title")),
        metadata=metadata_of({**rest, **(nested or {})}),
        acl=acl_of(row.get("acl"), acl),
    )


def csv_rows(path: Path, limits: FileLimits) -> Iterator[tuple[str, object]] | None:
    """Name (`row 2`) and fields of each row, or an InputError if it has too many of them.

    None if there is no column `text`. Streams.
    """
    if is_binary(path):
        raise InputError("a binary file; expected text")
    with path.open("rb") as head:
        encoding = encoding_of(head.read(4))
    reader = _csv_reader(path, encoding, limits)
    columns = [name.strip() for name in next(reader, [])]
    if "text" not in columns:
        return None
    return _named(reader, columns)


def _csv_reader(path: Path, encoding: str, limits: FileLimits) -> Iterator[list[str]]:
    csv.field_size_limit(max(csv.field_size_limit(), limits.max_row_bytes))  # Per process.
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        try:
            yield from csv.reader(file, delimiter=delimiter)
        except csv.Error as exc:
            raise InputError(f"not a table: {exc}") from exc


def _named(reader: Iterator[list[str]], columns: Sequence[str]) -> Iterator[tuple[str, object]]:
    for number, values in enumerate(reader, start=2):
        if any(values[len(columns) :]):  # A comma without quotes: nobody knows which field is what.
            got = f"{len(values)} fields, the header has {len(columns)}"
            yield f"row {number}", InputError(f"{got}; put quotes around commas")
        elif values:
            row = dict(zip(columns, values, strict=False))
            fields = {name: _typed(name, value) for name, value in row.items() if value != ""}
            yield f"row {number}", fields | {"text": row.get("text", "")}


def _typed(name: str, value: str) -> object:
    """A number where a field of metadata is written just as one; `007` and `1e5` are text."""
    if name in _OWN or not _NUMBER.fullmatch(value):
        return value
    return float(value) if "." in value else int(value)


def ndjson_rows(path: Path, limits: FileLimits) -> Iterator[tuple[str, object]] | None:
    """Name (`line 1`) and value of each line, an InputError where a line is broken; or None.

    None if the first line that is not empty is no object with a `text`. Streams.
    """
    lines = _json_lines(path, limits)
    first = next(lines, None)
    if first is None or not has_text(first[1]):
        return None
    return chain([first], lines)


def _json_lines(path: Path, limits: FileLimits) -> Iterator[tuple[str, object]]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(limits.max_row_bytes + 1):
            number += 1
            if len(line) > limits.max_row_bytes:
                raise InputError(f"line {number} is longer than {limits.max_row_bytes:,} bytes")
            if line.strip():
                yield f"line {number}", parse_json(line.removeprefix(b"\xef\xbb\xbf"))


def json_rows(data: bytes) -> Iterator[tuple[str, object]] | None:
    """Name (`item 1`) and value of each object; None if it is no object or list of such."""
    value = parse_json(decode(data).encode())
    if isinstance(value, dict) and has_text(value):
        return iter([("item 1", value)])
    if isinstance(value, list) and value and has_text(value[0]):
        return ((f"item {number}", item) for number, item in enumerate(value, start=1))
    return None


def parse_json(data: bytes) -> object:
    """The value, or the InputError that says why there is none (returned, not raised)."""
    try:
        value: object = orjson.loads(data)
    except orjson.JSONDecodeError as exc:
        return InputError(f"not JSON: {exc}")
    return value


def has_text(value: object) -> bool:
    """Whether a value is an object with a field `text`."""
    return isinstance(value, dict) and "text" in value
