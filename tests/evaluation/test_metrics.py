"""Metrics, against trec_eval itself and against sets of characters."""

import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as st

from simile.evaluation import metrics
from simile.evaluation.metrics import Span

IDS = [f"d{number}" for number in range(12)]
OURS = {
    "ndcg": lambda run, grades: metrics.ndcg(run, grades),
    "ndcg_cut_1": lambda run, grades: metrics.ndcg(run, grades, 1),
    "ndcg_cut_5": lambda run, grades: metrics.ndcg(run, grades, 5),
    "ndcg_cut_10": lambda run, grades: metrics.ndcg(run, grades, 10),
    "recall_5": lambda run, grades: metrics.recall(run, grades, 5),
    "P_1": lambda run, grades: metrics.precision(run, grades, 1),
    "P_5": lambda run, grades: metrics.precision(run, grades, 5),
    "P_10": lambda run, grades: metrics.precision(run, grades, 10),
    "recip_rank": metrics.reciprocal_rank,
    "map": metrics.average_precision,
    "success_5": lambda run, grades: metrics.hit(run, grades, 5),
}
ASKED = {"ndcg", "ndcg_cut.1,5,10", "recall.5", "P.1,5,10", "recip_rank", "map", "success.5"}
# It never ends where every grade is negative: one that is not is always there.
GRADES = st.dictionaries(st.sampled_from(IDS[:8]), st.integers(-2, 3), max_size=8).map(
    lambda grades: {**grades, "judged": 0}
)


def assert_agrees(ranking, run, grades):
    theirs = pytrec_eval.RelevanceEvaluator({"q": grades}, ASKED).evaluate({"q": run})["q"]
    assert {name: ours(ranking, grades) for name, ours in OURS.items()} == pytest.approx(
        theirs, abs=1e-6
    )


@given(grades=GRADES, ranking=st.lists(st.sampled_from(IDS), unique=True))
def test_rankings_are_judged_as_by_trec_eval(grades, ranking):
    assert_agrees(ranking, {id: float(-place) for place, id in enumerate(ranking)}, grades)


@given(
    grades=GRADES,
    run=st.dictionaries(
        st.sampled_from(IDS), st.sampled_from([0.0, 0.5, 1.0, 1.0 + 1e-9]) | st.floats(-9, 9)
    ),
)
def test_equal_scores_are_ordered_as_by_trec_eval(grades, run):
    assert_agrees(run, run, grades)


def test_a_ranking_with_an_id_twice_counts_it_once():
    assert metrics.ndcg(["a", "a", "b"], {"a": 1, "b": 1}) == 1
    assert metrics.recall(["a", "a"], {"a": 1, "b": 1}) == 0.5
    assert metrics.average_precision(["a", "a", "b"], {"a": 1, "b": 1}) == 1


@pytest.mark.parametrize("ours", OURS.values(), ids=list(OURS))
@pytest.mark.parametrize("grades", [{}, {"a": 0}, {"a": -1}])
def test_nothing_relevant_is_worth_nothing(ours, grades):
    assert ours(["a", "b"], grades) == 0 == ours([], grades)


SPANS = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 30), st.integers(0, 9)).map(
        lambda span: Span(span[0], span[1], span[1] + span[2])
    ),
    max_size=6,
)


@given(found=SPANS, gold=SPANS)
def test_span_metrics_count_each_character_once(found, gold):
    one, other = (
        {(span.document_id, place) for span in spans for place in range(span.start, span.end)}
        for spans in (found, gold)
    )
    both = len(one & other)
    assert metrics.span_recall(found, gold) == (both / len(other) if other else 0)
    assert metrics.span_precision(found, gold) == (both / len(one) if one else 0)
