"""Candidates ordered anew: by an embedding model, or by whatever ranks."""

from random import Random

import numpy as np
import pytest
from tests.fake import FakeEmbedder
from tests.retrieval.collection import WORDS, indexed, text

from simile.errors import EngineError
from simile.protocols import RankModel
from simile.retrieval.rerank import EmbeddingReranker
from simile.retrieval.search import RERANKED
from simile.types import Document, Ranked


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    chance = Random(3)
    documents = [Document(f"d{i:02}", text(chance, 3), f"Title {i}") for i in range(40)]
    with indexed(tmp_path_factory.mktemp("rerank") / "i", documents) as index:
        yield index


class LastWord:
    """A RankModel that likes texts whose last word comes late in the alphabet."""

    name = "last-word"

    def __init__(self):
        self.seen: list[str] = []

    def rank(self, query, texts, *, top_k=None, raw_scores=False):
        self.seen += texts
        scores = [WORDS.index(text.split()[-1]) for text in texts]
        best = sorted(range(len(texts)), key=lambda place: -scores[place])
        return [Ranked(place, scores[place]) for place in best][:top_k]


def test_a_ranker_orders_the_candidates_and_no_others(index):
    candidates = index.search("red fish", k=RERANKED)
    ranker = LastWord()
    hits = index.search("red fish", k=10, rerank=ranker)
    assert len(ranker.seen) == RERANKED and len(hits) == 10
    expected = sorted(candidates, key=lambda hit: -WORDS.index(hit.text.split()[-1]))[:10]
    assert [hit.chunk_id for hit in hits] == [hit.chunk_id for hit in expected]
    for hit in hits:
        assert hit.score == hit.scores["rerank"] == WORDS.index(hit.text.split()[-1])
        assert isinstance(hit.score, float) and {"dense", "fused"} <= hit.scores.keys()


def test_a_ranker_reads_what_was_embedded(index):
    ranker = LastWord()
    index.search("red", k=5, rerank=ranker)
    assert all(text.startswith("Title ") and "\n" in text for text in ranker.seen)


def test_as_many_are_ranked_as_are_asked_for(index):
    ranker = LastWord()
    assert len(index.search("red fish", k=80, rerank=ranker)) == 80 == len(ranker.seen)


def test_a_ranker_that_leaves_texts_out_leaves_hits_out(index):
    class Three(LastWord):
        def rank(self, query, texts, *, top_k=None, raw_scores=False):
            return super().rank(query, texts, top_k=3)

    assert len(index.search("red fish", rerank=Three())) == 3


@pytest.mark.parametrize("k", [1, 10, 1000])
def test_crowds_are_left_out_before_they_are_ranked(index, k):
    ranker = LastWord()
    candidates = index.search("red fish", k=max(k, RERANKED), per_document=1)
    hits = index.search("red fish", k=k, rerank=ranker, per_document=1)
    assert len(ranker.seen) == len(candidates) == 40
    expected = sorted(candidates, key=lambda hit: -WORDS.index(hit.text.split()[-1]))[:k]
    assert [hit.chunk_id for hit in hits] == [hit.chunk_id for hit in expected]


def test_a_ranker_is_asked_once_for_few_texts_however_deep_the_search_goes(tmp_path):
    copies = [Document(f"copy{i}", "\n\n".join(["red fish moon moon"] * 300)) for i in range(2)]
    documents = [*copies, *(Document(word, f"red {word} is far") for word in WORDS[1:])]

    class Once(LastWord):
        def rank(self, query, texts, *, top_k=None, raw_scores=False):
            assert not self.seen
            self.seen += texts
            return [Ranked(place, -float(place)) for place in range(len(texts))]

    with indexed(tmp_path / "i", documents) as index:
        ranker = Once()
        hits = index.search("red fish", k=5, rerank=ranker, collapse=0.95)
        assert len(hits) == 5 and len(ranker.seen) == len(set(ranker.seen)) <= RERANKED


def test_an_embedding_model_ranks_by_cosine(index):
    """Of another width than the index's own."""
    model = FakeEmbedder("wide", dim=500)
    hits = index.search("red river moon", k=12, mode="lexical", rerank=model)
    assert len(hits) == 12
    texts = [f"{hit.title}\n{hit.text}" for hit in hits]
    query = model.embed(["red river moon"], role="query")[0]
    cosines = model.embed(texts, role="document") @ query
    np.testing.assert_allclose([hit.scores["rerank"] for hit in hits], cosines, atol=1e-6)
    assert (np.diff([hit.score for hit in hits]) <= 0).all()


def test_nothing_found_is_nothing_to_rank(index):
    ranker = LastWord()
    assert index.search("unheard", mode="lexical", rerank=ranker) == [] and ranker.seen == []


def test_an_embedding_ranker_is_a_rank_model():
    ranker: RankModel = EmbeddingReranker(FakeEmbedder("small", dim=32))
    assert ranker.name == "small" and ranker.rank("red", []) == []
    ranked = ranker.rank("red fish", ["moon", "red fish", "moon", "red moon"])
    assert [one.index for one in ranked] == [1, 3, 0, 2]
    assert ranked[0].score == pytest.approx(1)
    assert ranker.rank("red fish", ["moon", "red fish"], top_k=1) == [ranked[0]]


@pytest.mark.parametrize(
    "ranked",
    [[Ranked(0, 1.0), Ranked(0, 0.5)], [Ranked(-1, 1.0)], [Ranked(50, 1.0)],
     [Ranked(0, float("nan"))], [Ranked(0, float("inf"))]],
    ids=["twice", "before", "behind", "nan", "inf"],
)  # fmt: skip
def test_a_ranking_of_other_texts_is_an_engine_error(index, ranked):
    class Wrong(LastWord):
        def rank(self, query, texts, *, top_k=None, raw_scores=False):
            return ranked

    with pytest.raises(EngineError, match="last-word"):
        index.search("red fish", rerank=Wrong())


def test_a_ranking_model_without_finite_vectors_is_an_engine_error(index):
    class NotFinite(FakeEmbedder):
        def embed(self, texts, *, role):
            return super().embed(texts, role=role) * np.float32("nan")

    with pytest.raises(EngineError, match="not finite"):
        index.search("red fish", rerank=NotFinite("broken"))
