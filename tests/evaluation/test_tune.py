"""The choice of the weight: as a search would rank, and only where it is no chance."""

from contextlib import closing

import numpy as np
import pytest
from tests.evaluation.collection import QUERIES, judged_index
from tests.fake import FakeEmbedder
from tests.retrieval.collection import indexed

from simile.errors import FingerprintError, InputError
from simile.evaluation import metrics
from simile.evaluation.judged import Judged
from simile.evaluation.run import evaluate, searching
from simile.evaluation.tune import ALPHAS, DEFAULT, GRID, Setting, keep, tune
from simile.store import SqliteStore
from simile.types import Document


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    with judged_index(tmp_path_factory.mktemp("tune") / "i") as given:
        yield given


@pytest.fixture(scope="module")
def store(given):
    with closing(SqliteStore(given[0].path)) as store:
        yield store


@pytest.fixture(scope="module")
def tuning(given, store):
    _, judged = given
    return tune(store, FakeEmbedder(), judged)


def test_the_grid_is_every_twentieth_at_three_depths():
    assert len(GRID) == 63 and DEFAULT in GRID and Setting(0.6, 100) == DEFAULT
    assert (ALPHAS[0], ALPHAS[1], ALPHAS[-1]) == (0.0, 0.05, 1.0)


@pytest.mark.parametrize("alpha", [0.0, 0.35, 0.6, 1.0])
def test_a_setting_is_worth_what_a_search_with_it_finds(given, tuning, alpha):
    index, judged = given
    for place, one in enumerate(judged):
        hits = index.search(one.query, k=100, alpha=alpha)
        ids = [hit.document_id for hit in hits]
        expected = metrics.ndcg(ids, one.relevant, 10)
        assert tuning.scores[Setting(alpha, 100)][place] == pytest.approx(expected)


def test_each_arm_alone_is_what_an_evaluation_says(given, tuning):
    index, judged = given
    means = evaluate(judged, searching(index.search), arms=("dense", "lexical")).means()
    assert tuning.arms == pytest.approx({arm: of["ndcg@10"] for arm, of in means.items()})


def test_it_is_the_same_each_time_and_tells_its_progress(given, tuning, store):
    _, judged = given
    seen = []
    again = tune(store, FakeEmbedder(), judged, progress=lambda *done: seen.append(done))
    assert (again.best, again.held_out, again.p) == (tuning.best, tuning.held_out, tuning.p)
    assert seen[-1] == (QUERIES, QUERIES) and len(seen) == QUERIES


class Misled(FakeEmbedder):
    """Finds whatever has the word decoy near to everything, and nothing else."""

    def embed(self, texts, *, role):
        vectors = np.zeros((len(texts), self.dim), np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            vector[1 if role == "document" and "decoy" not in text else 0] = 1
        return vectors


def words_decide(folder):
    """Documents that only words lead to."""
    wanted = [Document(f"w{number}", f"w{number} filler") for number in range(20)]
    decoys = [Document(f"d{number}", "decoy filler") for number in range(10)]
    judged = [Judged(document.text, {document.id: 1}) for document in wanted]
    return indexed(folder, [*wanted, *decoys], model=Misled()), Misled(), judged


def test_where_words_decide_the_dense_arm_loses_weight_and_it_is_kept(tmp_path):
    opened, model, judged = words_decide(tmp_path / "i")
    with opened as index, closing(SqliteStore(index.path)) as store:
        found = tune(store, model, judged)
        assert not found.noise and found.chosen == found.best and found.best.alpha < 0.6
        assert found.held_out > found.default_held_out
        lines = found.to_text().splitlines()
        assert lines[0] == "ndcg@10 over 20 judged queries"
        assert lines[1].split()[:2] == ["dense", "alone"] and lines[2].split()[0] == "lexical"
        assert lines[-1].startswith("chosen: alpha 0.")
        keep(store, found.chosen)
        notes = store.meta()
        assert float(notes["alpha"]) == found.best.alpha and notes["candidates"] == "100"


def test_where_nothing_is_gained_the_default_is_kept(given, store):
    _, judged = given
    elsewhere = [Judged(one.query, {"nowhere": 1}) for one in judged]
    found = tune(store, FakeEmbedder(), elsewhere)
    assert found.noise and found.p == 1 and found.best == found.chosen == DEFAULT
    assert found.to_text().endswith("noise, keeping the default: alpha 0.60, 100 candidates")


def test_held_out_queries_do_not_choose(given, tuning):
    """The held-out mean is never above that of the best setting for each query."""
    ceiling = np.max(list(tuning.scores.values()), axis=0).mean()
    assert tuning.held_out <= ceiling
    assert tuning.default_held_out == pytest.approx(tuning.scores[DEFAULT].mean())


def test_what_cannot_be_tuned_is_an_input_error(given, store):
    _, judged = given
    for few in (judged[:0], judged[:1]):
        with pytest.raises(InputError, match="expected two or more"):
            tune(store, FakeEmbedder(), few)
    with pytest.raises(InputError, match="metric is 'best'; expected one of ndcg@10"):
        tune(store, FakeEmbedder(), judged, metric="best")
    with pytest.raises(InputError, match="metric is 'span_recall@10'"):
        tune(store, FakeEmbedder(), [Judged("a", {"b": 1})] * 2, metric="span_recall@10")
    with pytest.raises(FingerprintError):
        tune(store, FakeEmbedder("other", dim=32), judged)


def test_spans_can_be_tuned_for(given, store):
    index, judged = given
    found = tune(store, FakeEmbedder(), judged, metric="span_recall@10")
    expected = evaluate(judged, searching(index.search), arms=["hybrid"]).means()["hybrid"]
    assert found.default_held_out == pytest.approx(expected["span_recall@10"])
