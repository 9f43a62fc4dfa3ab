"""Evaluations over a real index: each arm, what is compared, and how it is told."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from tests.evaluation.collection import QUERIES, judged_index
from tests.fake import FakeEmbedder
from tests.retrieval.collection import indexed

from simile.errors import InputError
from simile.evaluation import metrics
from simile.evaluation.judged import Judged
from simile.evaluation.metrics import Span
from simile.evaluation.run import METRICS, SPAN_METRICS, Evaluation, evaluate, searching
from simile.evaluation.significance import p_value
from simile.evaluation.table import to_text
from simile.types import Document


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    with judged_index(tmp_path_factory.mktemp("run") / "i") as given:
        yield given


@pytest.fixture(scope="module")
def evaluation(given):
    index, judged = given
    search = searching(index.search, rerank=FakeEmbedder("ranker"))
    return evaluate(judged, search, arms=("dense", "lexical", "hybrid", "rerank"))


def test_each_arm_is_judged_by_what_the_index_finds(given, evaluation):
    index, judged = given
    for arm in ("dense", "lexical", "hybrid"):
        for place, one in enumerate(judged):
            hits = index.search(one.query, k=100, mode=arm)
            ids = list(dict.fromkeys(hit.document_id for hit in hits))
            spans = [Span(hit.document_id, hit.start, hit.end) for hit in hits]
            of = {name: scores[place] for name, scores in evaluation.scores[arm].items()}
            assert of["ndcg@10"] == metrics.ndcg(ids, one.relevant, 10)
            assert of["mrr"] == metrics.reciprocal_rank(ids, one.relevant)
            assert of["span_recall@10"] == metrics.span_recall(spans[:10], one.spans)


def test_the_rerank_arm_orders_the_hybrid_candidates_anew(given, evaluation):
    index, judged = given
    for place, one in enumerate(judged):
        hits = index.search(one.query, k=100, rerank=FakeEmbedder("ranker"))
        expected = metrics.ndcg([hit.document_id for hit in hits], one.relevant, 10)
        assert evaluation.scores["rerank"]["ndcg@10"][place] == expected


def test_json_has_the_shape_that_scripts_rest_on(evaluation):
    told = json.loads(evaluation.to_json())
    assert set(told) == {"arms", "queries", "significance"} and told["queries"] == QUERIES
    assert list(told["arms"]) == ["dense", "lexical", "hybrid", "rerank"]
    assert list(told["arms"]["dense"]) == [*METRICS, *SPAN_METRICS]
    assert {"ndcg@10", "recall@100", "mrr", "map", "precision@10", "hit@10"} == set(METRICS)
    one, other = (evaluation.scores[arm]["ndcg@10"] for arm in ("hybrid", "dense"))
    assert told["arms"]["hybrid"]["ndcg@10"] == pytest.approx(one.mean())
    assert told["significance"]["hybrid vs dense"]["ndcg@10"] == pytest.approx(
        {"difference": one.mean() - other.mean(), "p": p_value(one - other)}
    )
    assert len(told["significance"]) == 6


def test_each_query_costs_one_search_for_each_arm_and_is_counted(given):
    _, judged = given
    calls, seen = [], []

    def search(*call):
        calls.append(call)
        return []

    evaluate(judged[:3], search, progress=lambda *done: seen.append(done))
    assert calls == [
        (one, arm, 100) for one in judged[:3] for arm in ("dense", "lexical", "hybrid")
    ]
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_documents_rank_by_their_best_chunk(tmp_path):
    documents = [Document("long", "red\n\nblue fish\n\nblue bird"), Document("short", "red fish")]
    with indexed(tmp_path / "i", documents) as index:
        found = evaluate(
            [Judged("blue fish", {"short": 1})], searching(index.search), arms=["dense"]
        )
    assert found.scores["dense"]["mrr"].tolist() == [0.5]


def test_a_query_is_asked_by_its_own_principals_and_with_its_filter(tmp_path):
    documents = [
        Document("a", "red", acl=["user:a"], metadata={"n": 1}),
        Document("b", "red", acl=["user:b"], metadata={"n": 1}),
        Document("c", "red", acl=["user:a", "user:b"], metadata={"n": 2}),
    ]
    judged = Judged("red", {"a": 1}, filter="n = 1")
    asked = [judged, replace(judged, principals=frozenset({"user:b"}))]
    with indexed(tmp_path / "i", documents) as index:
        found = evaluate(asked, searching(index.search, principals=["user:a"]))
    for arm in found.scores.values():
        assert arm["mrr"].tolist() == [1, 0]


def test_queries_without_spans_are_left_out_of_span_metrics(given):
    index, judged = given
    mixed = [judged[0], replace(judged[1], spans=())]
    scores = evaluate(mixed, searching(index.search)).scores["dense"]
    assert [math.isnan(value) for value in scores["span_recall@10"]] == [False, True]
    only = evaluate(mixed[:1], searching(index.search)).means()["dense"]
    assert (
        evaluate(mixed, searching(index.search)).means()["dense"]["span_recall@10"]
        == (only["span_recall@10"])
    )
    assert "span_recall@10" not in evaluate(mixed[1:], searching(index.search)).means()["dense"]


def test_nothing_to_evaluate_is_an_input_error(given):
    index, judged = given
    with pytest.raises(InputError, match="0 judged queries"):
        evaluate([], searching(index.search))
    with pytest.raises(InputError, match="0 arms"):
        evaluate(judged, searching(index.search), arms=[])


def test_the_table_is_aligned_marks_the_best_and_says_what_is_noise():
    weak, strong = np.zeros(40), np.ones(40)
    near = np.where(np.arange(40) == 3, 0.5, 1.0)
    evaluation = Evaluation(
        40,
        {"dense": {"ndcg@10": weak}, "lexical": {"ndcg@10": near}, "hybrid": {"ndcg@10": strong}},
    )
    assert to_text(evaluation).splitlines() == [
        "40 judged queries; * the best arm",
        "         ndcg@10",
        "dense     0.0000",
        "lexical   0.9875",
        "hybrid    1.0000*",
        "",
        "ndcg@10, paired randomization test:",
        "lexical vs dense   +0.9875  p 0.0001",
        "hybrid vs dense    +1.0000  p 0.0001",
        "hybrid vs lexical  +0.0125  p 1.0000  noise: may be chance",
    ]


def test_one_arm_is_compared_with_nothing(given):
    index, judged = given
    found = evaluate(judged, searching(index.search), arms=["lexical"])
    assert found.significance() == {} and len(to_text(found).splitlines()) == 3
