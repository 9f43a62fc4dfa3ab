"""Read CSV, JSON and NDJSON: each row with a `text` is one document.

Fields: `id` or `_id` (as in BEIR), `title`, `text`, `metadata` (an object), `acl` (a list, or
comma-separated text); all others are metadata. A file whose rows have no `text` is a single text.
CSV follows RFC 4180; NDJSON has one object per line.
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
    """Convert a row to a document. Raises InputError, naming the field, for an invalid one."""
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
    """Stream the name (`row 2`) and fields of each row, or an InputError for too many fields.

    Returns None if there is no column `text`.
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
    csv.field_size_limit(max(csv.field_size_limit(), limits.max_row_bytes))  # per process
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        try:
            yield from csv.reader(file, delimiter=delimiter)
        except csv.Error as exc:
            raise InputError(f"not a table: {exc}") from exc


def _named(reader: Iterator[list[str]], columns: Sequence[str]) -> Iterator[tuple[str, object]]:
    for number, values in enumerate(reader, start=2):
        if any(values[len(columns) :]):  # an unquoted comma makes the fields ambiguous
            got = f"{len(values)} fields, the header has {len(columns)}"
            yield f"row {number}", InputError(f"{got}; put quotes around commas")
        elif values:
            row = dict(zip(columns, values, strict=False))
            fields = {name: _typed(name, value) for name, value in row.items() if value != ""}
            yield f"row {number}", fields | {"text": row.get("text", "")}


def _typed(name: str, value: str) -> object:
    """Convert a metadata field to a number if it is in canonical form; `007`, `1e5` are text."""
    if name in _OWN or not _NUMBER.fullmatch(value):
        return value
    return float(value) if "." in value else int(value)


def ndjson_rows(path: Path, limits: FileLimits) -> Iterator[tuple[str, object]] | None:
    """Stream the name (`line 1`) and value of each line, or an InputError for a broken line.

    Returns None if the first non-empty line is not an object with a `text`.
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
    """Return name (`item 1`) and value of each object; None unless it is an object or a list."""
    value = parse_json(decode(data).encode())
    if isinstance(value, dict) and has_text(value):
        return iter([("item 1", value)])
    if isinstance(value, list) and value and has_text(value[0]):
        return ((f"item {number}", item) for number, item in enumerate(value, start=1))
    return None


def parse_json(data: bytes) -> object:
    """Return the value, or the InputError for invalid JSON (returned, not raised)."""
    try:
        value: object = orjson.loads(data)
    except orjson.JSONDecodeError as exc:
        return InputError(f"not JSON: {exc}")
    return value


def has_text(value: object) -> bool:
    """Return whether a value is an object with a field `text`."""
    return isinstance(value, dict) and "text" in value
