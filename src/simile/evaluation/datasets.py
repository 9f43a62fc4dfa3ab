"""Read judged collections: queries, documents and sentence pairs. Errors name the line.

Formats: BEIR's folder (github.com/beir-cellar/beir, wiki "Load your custom dataset"), TREC's qrels
(trec.nist.gov/data/qrels_eng), simile's own JSON lines, and the STS Benchmark's three columns.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from simile.errors import InputError
from simile.evaluation.judged import Judged, JudgedLine, lines_of
from simile.evaluation.metrics import Span
from simile.types import Document

_QRELS = ("qrels.tsv", "qrels/test.tsv", "qrels.txt")


@dataclass(frozen=True)
class SentencePair:
    """Two sentences with a human similarity score."""

    first: str
    second: str
    score: float


def read_judged(path: Path) -> list[Judged]:
    """Read judged queries from a folder in BEIR's format or a file of JSON lines.

    Raises InputError, with file and line, for invalid files and those without judgments.
    """
    if not path.is_dir():
        return read_judged_lines(path)
    qrels = next((path / name for name in _QRELS if (path / name).exists()), None)
    if qrels is None:
        raise InputError(f"{path} has none of {', '.join(_QRELS)}; expected judgments")
    spans = path / "spans.jsonl"
    return read_beir(path / "queries.jsonl", qrels, spans if spans.exists() else None)


def read_judged_lines(path: Path) -> list[Judged]:
    """Read lines of `{"query", "relevant" or "spans", "principals"?, "filter"?, "id"?}`.

    `relevant` is a list of document ids, or an object of their grades; `spans` is a list of
    `{"document_id", "start", "end"}`.
    """
    seen = _Once("query")
    judged = [_judged(line, seen) for line in lines_of(path)]
    return _some(judged, path)


def read_beir(queries: Path, qrels: Path, spans: Path | None = None) -> list[Judged]:
    """Read the queries `{"_id", "text"}` that qrels judge, in file order.

    `spans` are lines of `{"query_id", "doc_id", "spans": [{"start", "end"}]}`.
    """
    judgments, where = read_qrels(qrels)
    gold: dict[str, list[Span]] = {}
    for line in lines_of(spans) if spans else ():
        fields = line.fields()
        id = line.string(fields, "query_id")
        where.setdefault(id, line)
        gold.setdefault(id, []).extend(line.spans(fields))
    found, seen = [], _Once("query")
    for line in lines_of(queries):
        fields = line.fields()
        id = seen(line, line.string(fields, "_id", "id"))
        if where.pop(id, None):
            of_spans = tuple(gold.get(id, ()))
            relevant = judgments.get(id) or _documents(of_spans)
            found.append(Judged(line.string(fields, "text"), relevant, of_spans, id=id))
    for id, line in where.items():
        line.fail(f"judges the query {id!r}, which is not in {queries}")
    return _some(found, qrels)


def read_qrels(path: Path) -> tuple[dict[str, dict[str, int]], dict[str, JudgedLine]]:
    """Return grades by query and document, and the line on which each query is first judged.

    Reads lines of `query document grade`, with an optional header, or TREC's `query 0 document
    grade`.
    """
    grades: dict[str, dict[str, int]] = {}
    where: dict[str, JudgedLine] = {}
    heading_may_come = True
    for line in lines_of(path):
        fields = line.text.split("\t") if "\t" in line.text else line.text.split()
        heading, heading_may_come = heading_may_come, False
        if len(fields) not in (3, 4):
            line.fail(f"{len(fields)} columns; expected 3 (query document grade) or TREC's 4")
        query, document, grade = (fields[place].strip() for place in (0, -2, -1))
        if not grade.removeprefix("-").isdecimal():
            if heading and any(map(str.isalpha, grade)):
                continue
            line.fail(f"the grade is {grade!r}; expected a whole number")
        of_query = grades.setdefault(query, {})
        if of_query.get(document, int(grade)) != int(grade):
            line.fail(f"{document!r} is judged twice, with other grades, for the query {query!r}")
        of_query[document] = int(grade)
        where.setdefault(query, line)
    return grades, where


def read_corpus(path: Path) -> Iterator[Document]:
    """Yield the documents of BEIR's corpus.jsonl `{"_id", "title", "text"}`. Remembers only ids."""
    seen = _Once("document")
    for line in lines_of(path):
        fields = line.fields()
        id = seen(line, line.string(fields, "_id", "id"))
        text, title = fields.get("text", ""), fields.get("title")
        if not isinstance(text, str) or not isinstance(title, str | None):
            line.fail("text or title is invalid; expected strings")
        yield Document(id, text, title=title or None)


def read_sts(path: Path) -> list[SentencePair]:
    """Read tab-separated lines of score, sentence, sentence, with an optional header."""
    pairs = []
    for line in lines_of(path):
        fields = line.text.split("\t")
        if len(fields) != 3:
            line.fail(
                f"{len(fields)} columns; expected score, sentence, sentence, separated by tabs"
            )
        try:
            score = float(fields[0])
        except ValueError:
            if line.number == 1:
                continue
            line.fail(f"the score is {fields[0]!r}; expected a number")
        if not isfinite(score) or not fields[1].strip() or not fields[2].strip():
            line.fail("the score is not finite, or a sentence is blank")
        pairs.append(SentencePair(fields[1], fields[2], score))
    if len(pairs) < 2:
        raise InputError(f"{path} has {len(pairs)} pairs; expected two or more")
    return pairs


def _judged(line: JudgedLine, seen: "_Once") -> Judged:
    fields = line.fields()
    id = line.string(fields, "id", "_id") if fields.keys() & {"id", "_id"} else str(line.number)
    spans = line.spans(fields)
    relevant = _grades(line, fields["relevant"]) if "relevant" in fields else _documents(spans)
    if not relevant:
        line.fail("no judgments; expected relevant (ids, or grades by id) or spans")
    principals, filter = fields.get("principals") or [], fields.get("filter")
    if not isinstance(principals, list) or not all(isinstance(one, str) for one in principals):
        line.fail(f"principals is {principals!r:.80}; expected a list such as ['user:alice']")
    if not isinstance(filter, str | None):
        line.fail(f"filter is {filter!r:.80}; expected a string")
    query = line.string(fields, "query", "text")
    return Judged(query, relevant, spans, frozenset(principals), filter, seen(line, id))


def _grades(line: JudgedLine, given: object) -> dict[str, int]:
    if isinstance(given, list):
        ids = [line.string({"a relevant id": id}, "a relevant id") for id in given]
        if len(set(ids)) < len(ids):
            line.fail("relevant lists a document twice")
        return dict.fromkeys(ids, 1)
    if isinstance(given, dict) and all(type(grade) is int for grade in given.values()):
        return given
    line.fail(f"relevant is {given!r:.80}; expected a list of ids, or integer grades by id")


def _documents(spans: tuple[Span, ...]) -> dict[str, int]:
    return dict.fromkeys((span.document_id for span in spans), 1)


def _some(judged: list[Judged], path: Path) -> list[Judged]:
    if not judged:
        raise InputError(f"{path} has no judged queries")
    return judged


class _Once:
    """Returns an id unless it was seen before."""

    def __init__(self, noun: str) -> None:
        self._noun = noun
        self._seen: set[str] = set()

    def __call__(self, line: JudgedLine, id: str) -> str:
        if id in self._seen:
            line.fail(f"a second {self._noun} with the id {id!r}")
        self._seen.add(id)
        return id
