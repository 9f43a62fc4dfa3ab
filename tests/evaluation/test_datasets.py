"""Files of judged collections, and what is said of broken ones."""

import json

import pytest

from simile.errors import InputError
from simile.evaluation.datasets import SentencePair, read_corpus, read_judged, read_sts
from simile.evaluation.judged import Judged, absent
from simile.evaluation.metrics import Span
from simile.types import Document

QUERIES = '{"_id": "q1", "text": "red fish"}\n\n{"_id": "q2", "text": "moon"}\n'


def collection(folder, qrels, queries=QUERIES, name="qrels.tsv"):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(qrels, encoding="utf-8")
    (folder / "queries.jsonl").write_text(queries, encoding="utf-8")
    return folder


def written(path, *lines):
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "qrels"),
    [
        ("qrels.tsv", "query-id\tcorpus-id\tscore\nq2\td1\t2\nq2\td2\t0\nq1\td 3\t-1\n"),
        ("qrels.tsv", "q2\td1\t2\r\nq2\td2\t0\r\nq1\td 3\t-1"),
        ("qrels/test.tsv", "\ufeffq2\td1\t2\nq2\td2\t0\nq1\td 3\t-1\n"),
        ("qrels.txt", "q2 0 d1 2\nq2 Q0 d2 0\nq1\t0\td 3\t-1\n"),
    ],
    ids=["heading", "plain", "test", "trec"],
)
def test_qrels_are_read_with_and_without_heading_and_as_trec_writes_them(tmp_path, name, qrels):
    judged = read_judged(collection(tmp_path, qrels, name=name))
    assert judged == [
        Judged("red fish", {"d 3": -1}, id="q1"),
        Judged("moon", {"d1": 2, "d2": 0}, id="q2"),
    ]


def test_a_judgment_that_is_said_twice_alike_counts_once(tmp_path):
    [judged] = read_judged(collection(tmp_path, "q2\td1\t1\nq2\td1\t1\n"))
    assert judged.relevant == {"d1": 1}


def test_queries_that_nobody_judged_are_left_out(tmp_path):
    [judged] = read_judged(collection(tmp_path, "q2\td1\t1\n"))
    assert judged.query == "moon"


def test_spans_beside_the_queries_are_their_judgments(tmp_path):
    collection(tmp_path, "q2\td9\t1\n")
    line = {"query_id": "q1", "doc_id": "d1", "spans": [{"start": 3, "end": 5, "text": "xy"}]}
    written(tmp_path / "spans.jsonl", line)
    assert read_judged(tmp_path)[0] == Judged("red fish", {"d1": 1}, (Span("d1", 3, 5),), id="q1")


@pytest.mark.parametrize(
    ("qrels", "queries", "said"),
    [
        ("q1\td1\t1\nq3\td1\t1\n", QUERIES, r"qrels.tsv, line 2: .*query 'q3'.*not in .*queries"),
        (
            "q1\td1\t1\nq1\td1\t2\n",
            QUERIES,
            "line 2: 'd1' is judged twice, with other grades, for .*'q1'",
        ),
        ("q1\td1\t1.5\nq1\td2\t1\n", QUERIES, "line 1: the grade is '1.5'"),
        ("q1\td1\t1\t\nq1\td2\t1\n", QUERIES, "line 1: the grade is ''"),
        ("query-id\tcorpus-id\tscore\n", QUERIES, "qrels.tsv has no judged queries"),
        ("", QUERIES, "no judged queries"),
        ("q1\td1\t1\nq1\td2\tyes\n", QUERIES, "line 2: the grade is 'yes'"),
        ("q1\td1\n", QUERIES, "line 1: 2 columns"),
        ("q1\td1\t1\n", QUERIES * 2, "queries.jsonl, line 4: a second query with the id 'q1'"),
        ("q1\td1\t1\n", '{"_id": "q1"}', "line 1: text is None"),
        ("q1\td1\t1\n", "[1]", "line 1: got list; expected an object"),
        ("q1\td1\t1\n", "{", "line 1: not JSON"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said_with_its_line(tmp_path, qrels, queries, said):
    with pytest.raises(InputError, match=said):
        read_judged(collection(tmp_path, qrels, queries))


def test_a_folder_without_judgments_and_a_missing_file_are_input_errors(tmp_path):
    with pytest.raises(InputError, match=r"has none of qrels.tsv"):
        read_judged(tmp_path)
    with pytest.raises(InputError, match=r"no.jsonl cannot be read: No such file"):
        read_judged(tmp_path / "no.jsonl")


def test_lines_hold_ids_grades_or_spans(tmp_path):
    path = written(
        tmp_path / "judged.jsonl",
        {"query": "a", "relevant": ["d1", 2]},
        {"query": "b", "relevant": {"d1": 2}, "principals": ["user:a"], "filter": "n = 1"},
        {"query": "c", "spans": [{"document_id": "d1", "start": 0, "end": 4}]},
        {"_id": "x", "text": "d", "doc_id": "d2", "spans": [{"start": 1, "end": 4}]},
    )
    assert read_judged(path) == [
        Judged("a", {"d1": 1, "2": 1}, id="1"),
        Judged("b", {"d1": 2}, (), frozenset({"user:a"}), "n = 1", "2"),
        Judged("c", {"d1": 1}, (Span("d1", 0, 4),), id="3"),
        Judged("d", {"d2": 1}, (Span("d2", 1, 4),), id="x"),
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"query": "a"}, "no judgments"),
        ({"query": "a", "relevant": []}, "no judgments"),
        ({"query": " ", "relevant": ["a"]}, "query is ' '"),
        ({"relevant": ["a"]}, "query is None"),
        ({"query": "a", "relevant": ["d", "d"]}, "lists a document twice"),
        ({"query": "a", "relevant": {"d": 0.5}}, "integer grades"),
        ({"query": "a", "relevant": {"d": True}}, "integer grades"),
        ({"query": "a", "relevant": [None]}, "a relevant id is None"),
        ({"query": "a", "relevant": "d"}, "relevant is 'd'"),
        ({"query": "a", "spans": "d"}, "spans is invalid"),
        ({"query": "a", "spans": [{"doc_id": "d", "start": 3, "end": 3}]}, "the span is 3 to 3"),
        ({"query": "a", "spans": [{"doc_id": "d", "start": True, "end": 3}]}, "the span is True"),
        ({"query": "a", "spans": [{"start": 1, "end": 3}]}, "document_id is None"),
        ({"query": "a", "relevant": ["d"], "principals": "user:a"}, "principals is 'user:a'"),
        ({"query": "a", "relevant": ["d"], "filter": 5}, "filter is 5"),
        ({"query": "a", "relevant": ["d"], "id": "1"}, "a second query with the id '1'"),
        ('"a"', "got str; expected an object"),
        ("{", "not JSON"),
    ],
)
def test_what_is_wrong_with_a_line_is_said_with_its_number(tmp_path, line, said):
    path = written(tmp_path / "judged.jsonl", {"query": "a", "relevant": ["d"]}, "", line)
    with pytest.raises(InputError, match=rf"judged.jsonl, line 3: .*{said}"):
        read_judged(path)


def test_a_file_without_lines_and_one_that_is_no_text_are_input_errors(tmp_path):
    path = written(tmp_path / "judged.jsonl", "")
    with pytest.raises(InputError, match="no judged queries"):
        read_judged(path)
    path.write_bytes(b"\xff\xfe{")
    with pytest.raises(InputError, match="line 1: not UTF-8"):
        read_judged(path)


def test_a_corpus_is_streamed(tmp_path):
    first = {"_id": "a", "title": "T", "text": "x\u2028y"}
    path = written(tmp_path / "corpus.jsonl", first, {"_id": "b", "title": ""}, first)
    documents = read_corpus(path)
    assert next(documents) == Document("a", "x\u2028y", title="T")
    assert next(documents) == Document("b", "")
    with pytest.raises(InputError, match="line 3: a second document with the id 'a'"):
        next(documents)


def test_pairs_are_read_without_quoting(tmp_path):
    path = written(tmp_path / "sts.tsv", "score\ts1\ts2", '2.5\tA "b\tc"', "0\tx\ty")
    assert read_sts(path) == [SentencePair('A "b', 'c"', 2.5), SentencePair("x", "y", 0.0)]


@pytest.mark.parametrize(
    ("line", "said"),
    [("1\tx", "2 columns"), ("x\ty\tz", "the score is 'x'"), ("nan\tx\ty", "not finite"),
     ("1\t \ty", "a sentence is blank")],
)  # fmt: skip
def test_what_is_wrong_with_a_pair_is_said_with_its_line(tmp_path, line, said):
    path = written(tmp_path / "sts.tsv", "score\ts1\ts2", "1\ta\tb", line)
    with pytest.raises(InputError, match=f"line 3: .*{said}"):
        read_sts(path)
    with pytest.raises(InputError, match="1 pairs; expected two or more"):
        read_sts(written(path, "1\ta\tb"))


def test_relevant_documents_that_are_not_there_are_named():
    judged = [Judged("a", {"x": 1, "y": 0}), Judged("b", {"z": 1, "x": 2})]
    assert absent(judged, {"z"}.__contains__) == ["x"]
