"""`simile eval` and `simile tune`: judged queries in, figures out."""

import json
from types import SimpleNamespace

import pytest
from tests.retrieval.syncing import write

from simile import Index
from simile.evaluation.tune import Setting

CORPUS = [
    {"_id": "1", "title": "Sky", "text": "the sky is blue"},
    {"_id": "2", "title": "Grass", "text": "the grass is green"},
    {"_id": "3", "title": "Blood", "text": "the blood is red"},
]
QUERIES = [{"_id": "a", "text": "blue sky"}, {"_id": "b", "text": "green grass"}]


def lines(rows):
    return "".join(f"{json.dumps(row)}\n" for row in rows)


@pytest.fixture(scope="module")
def work(tmp_path_factory, simile):
    work = tmp_path_factory.mktemp("eval")
    judged = [
        {"query": "blue sky", "relevant": ["1"]},
        {"query": "green grass", "spans": [{"document_id": "2", "start": 0, "end": 18}]},
        {"query": "red blood", "relevant": {"3": 2}},
    ]
    write(work, {
        "corpus.jsonl": lines(CORPUS),
        "queries.jsonl": lines(QUERIES),
        "qrels.tsv": "query-id\tcorpus-id\tscore\na\t1\t1\nb\t2\t1\n",
        "judged.jsonl": lines(judged),
        "sts.tsv": "score\ts1\ts2\n5\ta cat\ta cat\n3\ta cat\ta dog\n0\ta cat\tthe sky\n",
    })  # fmt: skip
    done = simile("index", "corpus.jsonl", "-m", "tiny", cwd=work)
    assert done.returncode == 0, done.stderr
    return work


def told(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_collection_in_beirs_format_is_indexed_and_measured(simile, work):
    files = ("--corpus", "corpus.jsonl", "--queries", "queries.jsonl", "--qrels", "qrels.tsv")
    found = told(simile("eval", *files, "-m", "tiny", cwd=work))
    assert set(found["arms"]) == {"dense", "lexical", "hybrid"} and found["queries"] == 2
    assert found["arms"]["lexical"] == {
        "ndcg@10": 1.0, "recall@100": 1.0, "mrr": 1.0, "map": 1.0, "precision@10": 0.1,
        "hit@10": 1.0,
    }  # fmt: skip


def test_an_index_is_measured_by_ids_and_spans_with_the_rerank_beside(simile, work):
    found = told(simile("eval", "judged.jsonl", "--rerank", "tiny", cwd=work))
    assert set(found["arms"]) == {"dense", "lexical", "hybrid", "rerank"}
    assert found["arms"]["lexical"]["span_recall@10"] == 1.0
    assert "hybrid vs dense" in found["significance"]


def test_relevant_documents_that_are_not_there_are_told(simile, work):
    write(work, {"missing.jsonl": lines([{"query": "x", "relevant": ["1", "nowhere"]}])})
    done = simile("eval", "missing.jsonl", cwd=work)
    assert done.returncode == 0 and b"'nowhere'" in done.stderr


def test_similarities_are_correlated(simile, work):
    found = told(simile("eval", "sts", "sts.tsv", "-m", "tiny", cwd=work))
    assert found["pairs"] == 3 and -1 <= found["spearman"] <= 1


def test_other_sizes_are_tried_with_the_weight_that_was_chosen(run, work, monkeypatch):
    alphas = []

    def search(index, query, *, alpha=None, **options):
        alphas.append(alpha)
        return []

    chosen = SimpleNamespace(chosen=Setting(0.15), to_text=lambda: "")
    monkeypatch.setattr(Index, "tune", lambda index, judged, **options: chosen)
    monkeypatch.setattr(Index, "search", search)
    assert run("tune", "judged.jsonl", "--max-tokens", "32", cwd=work).returncode == 0
    assert alphas == [0.15] * 6


def test_correlations_that_there_are_none_of_are_null(run, work):
    write(work, {"flat.tsv": "5\ta cat\ta cat\n5\ta cat\tthe sky\n"})
    found = told(run("eval", "sts", "flat.tsv", "-m", "tiny", cwd=work))
    assert found == {"pairs": 2, "pearson": None, "spearman": None}


@pytest.mark.parametrize("plot", ["no/a.png", "a.doc"])
@pytest.mark.parametrize("verb", ["eval", "tune"])
def test_a_picture_that_cannot_be_drawn_is_told_before_the_work(run, work, verb, plot):
    done = run(verb, "judged.jsonl", "--plot", plot, cwd=work)
    assert done.returncode == 2 and done.stdout == b"" and plot[-5:].encode() in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("sts",),
        ("judged.jsonl", "sts.tsv"),
        ("--corpus", "corpus.jsonl"),
        ("judged.jsonl", "--qrels", "qrels.tsv"),
        ("judged.jsonl", "--chunked"),
        ("nowhere.jsonl",),
        ("sts.tsv",),
    ],
)
def test_what_cannot_be_measured_is_an_error(simile, work, arguments):
    done = simile("eval", *arguments, cwd=work)
    assert done.returncode == 2 and done.stderr and b"Traceback" not in done.stderr


def test_tuning_tells_each_arm_alone_and_keeps_what_is_no_noise(simile, work):
    done = simile("tune", "judged.jsonl", "--max-tokens", "8", cwd=work)
    assert done.returncode == 0, done.stderr
    assert b"dense alone" in done.stdout and b"noise" in done.stdout
    assert b"at most     8 tokens" in done.stdout
    assert simile("search", "blue sky", cwd=work).returncode == 0
