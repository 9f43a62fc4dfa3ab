"""What is found and in which order, against arithmetic over all chunks; and odd questions."""

import math
from collections import Counter
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from tests.fake import FakeEmbedder
from tests.retrieval.collection import chunks_of, indexed, text

from simile.documents import embedded_text
from simile.errors import EngineError, FingerprintError, InputError
from simile.index import Index
from simile.retrieval.ranking import CANDIDATES, MAX_K, MAX_QUERY_CHARACTERS
from simile.types import Document

QUERIES = ["red fish", "moon", "blue blue bird", "a tree by the river", "unheard"]
ALL = 1000


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    chance = Random(1)
    documents = [
        Document(f"d{i:02}", text(chance, chance.randint(1, 6)), metadata={"n": i % 5})
        for i in range(60)
    ]
    with indexed(tmp_path_factory.mktemp("search") / "i", documents) as index:
        yield index


@pytest.fixture(scope="module")
def chunks(index):
    found = chunks_of(index)
    assert len(found) > CANDIDATES
    return found


def cosines(query, chunks):
    """By chunk id."""
    model = FakeEmbedder()
    texts = [embedded_text(chunk.title, chunk.chunk) for chunk in chunks]
    scores = model.embed(texts, role="document") @ model.embed([query], role="query")[0]
    return dict(zip([chunk.id for chunk in chunks], scores.tolist(), strict=True))


def bm25(query, chunks):
    """By chunk id, those that share a word; Robertson's, k1 1.2, b .75, as Lucene counts."""
    bodies = {chunk.id: chunk.chunk.text.split() for chunk in chunks}
    average = sum(map(len, bodies.values())) / len(bodies)
    found: Counter[int] = Counter()
    for word in query.split():
        holding = [id for id, body in bodies.items() if word in body]
        rarity = math.log(1 + (len(bodies) - len(holding) + 0.5) / (len(holding) + 0.5))
        for id in holding:
            times, long = bodies[id].count(word), len(bodies[id]) / average
            found[id] += rarity * times * 2.2 / (times + 1.2 * (0.25 + 0.75 * long))
    return dict(found)


def assert_best(hits, expected, k):
    """The hits have the k best scores, each its own; where scores differ, in their order."""
    assert len({hit.chunk_id for hit in hits}) == len(hits) == min(k, len(expected))
    best = sorted(expected.values(), reverse=True)[:k]
    np.testing.assert_allclose([hit.score for hit in hits], best, rtol=1e-4, atol=1e-6)
    own = [expected[hit.chunk_id] for hit in hits]
    np.testing.assert_allclose([hit.score for hit in hits], own, rtol=1e-4, atol=1e-6)
    for before, after in pairwise(hits):
        assert (-before.score, before.chunk_id) < (-after.score, after.chunk_id)


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("k", [1, 7, ALL])
def test_the_dense_arm_is_every_cosine(index, chunks, query, k):
    hits = index.search(query, k=k, mode="dense")
    assert_best(hits, cosines(query, chunks), k)
    assert all(hit.scores == {"dense": hit.score} for hit in hits)


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("k", [1, 7, ALL])
def test_the_lexical_arm_is_bm25(index, chunks, query, k):
    hits = index.search(query, k=k, mode="lexical")
    assert_best(hits, bm25(query, chunks), k)
    assert all(hit.scores == {"lexical": hit.score} for hit in hits)


def scaled(scores):
    low, high = min(scores.values()), max(scores.values())
    return {id: (score - low) / (high - low) for id, score in scores.items()}


@pytest.mark.parametrize("query", QUERIES[:4])
@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0])
def test_hybrid_is_the_weighted_sum_of_both(index, chunks, query, alpha):
    dense, lexical = cosines(query, chunks), bm25(query, chunks)
    one, other = scaled(dense), scaled(lexical)
    expected = {id: alpha * one[id] + (1 - alpha) * other.get(id, 0.0) for id in dense}
    hits = index.search(query, k=ALL, alpha=alpha)
    assert_best(hits, expected, ALL)
    for hit in hits:
        assert hit.scores["fused"] == hit.score
        assert hit.scores["dense"] == pytest.approx(dense[hit.chunk_id], abs=1e-6)
        assert hit.scores.get("lexical", 0) == pytest.approx(lexical.get(hit.chunk_id, 0), rel=1e-4)


def test_hybrid_is_the_better_of_what_both_arms_offer(index):
    """With fewer asked for than there are: the candidates are the arms' hundred best."""
    arms = [index.search("red fish", k=CANDIDATES, mode=mode) for mode in ("dense", "lexical")]
    offered = {hit.chunk_id for arm in arms for hit in arm}
    hits = index.search("red fish", k=20, fusion="rrf")
    assert {hit.chunk_id for hit in hits} <= offered
    ranks = [{hit.chunk_id: rank for rank, hit in enumerate(arm, 61)} for arm in arms]
    for hit in hits:
        parts = [1 / of[hit.chunk_id] if hit.chunk_id in of else 0.0 for of in ranks]
        assert hit.score == pytest.approx(0.6 * parts[0] + 0.4 * parts[1])


def test_equal_texts_come_in_the_order_they_were_stored(tmp_path):
    documents = [Document(id, "red fish") for id in "cab"]
    with indexed(tmp_path / "i", documents) as index:
        for mode in ("dense", "lexical", "hybrid"):
            assert [hit.document_id for hit in index.search("red", mode=mode)] == list("cab")


@pytest.mark.parametrize("mode", ["dense", "lexical", "hybrid"])
def test_a_filter_admits_before_anything_is_ranked(index, mode):
    """The best of those that pass, not those of the best that pass."""
    everything = index.search("red fish", k=ALL, mode=mode)
    few = index.search("red fish", k=10, mode=mode, filter="n = 3")
    assert len(few) == 10 and all(hit.metadata["n"] == 3 for hit in few)
    if mode != "hybrid":  # Scaling depends on what is admitted.
        passing = [hit.chunk_id for hit in everything if hit.metadata["n"] == 3][:10]
        assert [hit.chunk_id for hit in few] == passing


def test_a_filter_that_nothing_passes_finds_nothing(index):
    for mode in ("dense", "lexical", "hybrid"):
        assert index.search("red", mode=mode, filter="n = 99") == []


@pytest.mark.parametrize(
    "wrong",
    [{"k": 0}, {"k": -1}, {"k": MAX_K + 1}, {"k": 1.5}, {"k": None}, {"k": "3"}, {"mode": "both"},
     {"mode": None}, {"fusion": "sum"}, {"alpha": -0.1}, {"alpha": 1.1}, {"alpha": math.nan},
     {"alpha": "x"}, {"per_document": 0}, {"collapse": 2}, {"collapse": math.nan},
     {"context": -1}, {"context": 101}, {"context": None}, {"filter": ""}, {"filter": "n ="},
     {"filter": "1 = 1"}, {"filter": 5}, {"query": ""}, {"query": " \n"}, {"query": None},
     {"query": "x" * (MAX_QUERY_CHARACTERS + 1)}, {"principals": "user:a"}, {"principals": None},
     {"principals": [""]}, {"principals": [None]}, {"principals": b"user:a"}, {"principals": 5}],
    ids=lambda wrong: " ".join(f"{name}={value!r:.20}" for name, value in wrong.items()),
)  # fmt: skip
def test_what_cannot_be_searched_is_an_input_error(index, wrong):
    [name] = wrong
    with pytest.raises(InputError, match="query" if name == "query" else name):
        index.search(**{"query": "red", **wrong})


def test_as_many_as_can_be_asked_for_are_given(index, chunks):
    assert len(index.search("red", k=MAX_K)) == len(chunks)
    assert len(index.search("red", k=1)) == 1


ODD = {
    "100 kB": "red fish " * 11_000,
    "one word of 100 kB": "x" * 100_000,
    "operators": 'AND OR NOT * NEAR(red fish) red^2 body:red -red +"red"',
    "open quote": '"red',
    "quotes": "'\"'\"''\"\"",
    "sql": "'; DROP TABLE documents; --",
    "nul": "red\0fish",
    "surrogate": "red \udc80 fish",
    "emoji": "🐟👩‍👩‍👧 red",
    "punctuation": "?!... --- ()[]{} :;",
    "bidirectional": "\u202ered\u202c",
    "newlines": "red\r\n\tfish",
}


@pytest.mark.parametrize("mode", ["dense", "lexical", "hybrid"])
@pytest.mark.parametrize("query", ODD.values(), ids=list(ODD))
def test_no_query_is_syntax(index, query, mode):
    hits = index.search(query, k=5, mode=mode, explain=True, context=1)
    assert len(hits) == 5 or mode == "lexical"


@pytest.mark.parametrize("query", ["?!... --- ()[]{} :;", "*", '""', "\0"])
def test_punctuation_has_no_words_to_find(index, query):
    assert index.search(query, mode="lexical") == []


@pytest.mark.parametrize(
    "filter",
    ["n = 1; DROP TABLE documents", "n = 1 OR 1=1", "n = '1' --", "n = (SELECT 1)", "* = 1",
     "n = 1 UNION SELECT * FROM acl", "acl.principal", "n = '" + "x" * 100_000],
)  # fmt: skip
def test_a_filter_is_no_sql(index, filter):
    with pytest.raises(InputError):
        index.search("red", filter=filter)


@pytest.mark.parametrize("name", ["acl", "document_id", "key", "text", "'; DROP TABLE x; --"])
def test_a_filter_sees_metadata_and_nothing_else(index, name):
    assert index.search("red", filter=f"`{name}` != null") == []


class Broken(FakeEmbedder):
    """Gives queries a vector that is of no use."""

    def __init__(self, vectors):
        super().__init__()
        self._vectors = vectors

    def embed(self, texts, *, role):
        return self._vectors if role == "query" else super().embed(texts, role=role)


@pytest.mark.parametrize(
    "vectors",
    [np.full((1, 64), np.nan), np.full((1, 64), np.inf), np.ones((1, 63)), np.ones((2, 64)),
     np.ones(64), np.empty((0, 64))],
    ids=["nan", "inf", "narrow", "two", "flat", "none"],
)  # fmt: skip
def test_a_query_without_a_vector_is_an_engine_error(tmp_path, vectors):
    model = Broken(vectors.astype(np.float32))
    with indexed(tmp_path / "i", [Document("a", "red")], model=model) as index:
        message = r"fake returned (a vector with NaN or Inf|an array of shape)"
        for mode in ("dense", "hybrid"):
            with pytest.raises(EngineError, match=message):
                index.search("red", mode=mode)
        assert len(index.search("red", mode="lexical")) == 1


@pytest.mark.parametrize("length", [0.0, 1e-30, 1e30])
def test_cosines_do_not_depend_on_the_length_of_the_models_vectors(tmp_path, length):
    model = Broken(FakeEmbedder().embed(["red"], role="query") * np.float32(length))
    with indexed(tmp_path / "i", [Document("a", "red fish")], model=model) as index:
        [hit] = index.search("red", mode="dense")
        assert hit.score == pytest.approx(0.5**0.5 if length else 0, abs=1e-6)


def test_another_model_is_an_error_that_names_the_command(tmp_path):
    with indexed(tmp_path / "i", [Document("a", "red")]) as index:
        assert len(index.search("red")) == 1
    with Index(tmp_path / "i", embedder=FakeEmbedder("other", dim=32)) as index:
        for mode in ("dense", "hybrid"):
            with pytest.raises(FingerprintError, match="simile reindex --model other"):
                index.search("red", mode=mode)
        with pytest.raises(FingerprintError, match="simile reindex --model other"):
            index.add([Document("b", "blue")])
        assert len(index.search("red", mode="lexical")) == 1


class Slow(FakeEmbedder):
    """Meanwhile, something happens."""

    def __init__(self, happens):
        super().__init__()
        self._happens = happens

    def embed(self, texts, *, role):
        if role == "query":
            self._happens()
        return super().embed(texts, role=role)


def test_a_reindex_during_a_search_is_never_a_wrong_ranking(tmp_path):
    """Of equal width, so that nothing else would tell."""
    other = FakeEmbedder("other")
    other.fingerprint = "f" * 32

    def reindex():
        with Index(tmp_path / "i", embedder=other) as index:
            index.reindex()

    with indexed(tmp_path / "i", [Document("a", "red")], model=Slow(reindex)) as index:
        with pytest.raises(FingerprintError, match="made with other"):
            index.search("red")
