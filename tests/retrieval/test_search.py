"""Ranked rows to hits: spans, neighbors, crowds left out, explanations."""

from contextlib import closing
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fake import FakeEmbedder
from tests.retrieval.collection import ONE_EACH, chunks_of, indexed, text

from simile.documents import embedded_text
from simile.index import Index
from simile.retrieval.ranking import Question
from simile.retrieval.recipe import Chunking
from simile.retrieval.search import search
from simile.store import SqliteStore
from simile.types import Document

MARKDOWN = """Begins with red.

# Fish

Red fish swim.

## Bird

A red bird is no fish.

# Moon

The moon is red.
"""


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    chance = Random(2)
    documents = [Document(f"d{i:02}", text(chance, chance.randint(1, 8))) for i in range(50)]
    documents.append(Document("guide.md", MARKDOWN, "Guide", {"n": 1}, pages=(0, 30)))
    with indexed(tmp_path_factory.mktemp("hits") / "i", documents) as index:
        yield index


@pytest.mark.parametrize("mode", ["dense", "lexical", "hybrid"])
def test_a_hit_is_a_span_of_its_document(index, mode):
    for hit in index.search("red fish bird", k=500, mode=mode, context=2):
        document = index.get(hit.document_id)
        assert document.text[hit.start : hit.end] == hit.text
        assert (hit.title, hit.metadata) == (document.title, document.metadata)
        assert hit.lines[0] == document.text.count("\n", 0, hit.start) + 1
        passage = hit.context
        assert document.text[passage.start : passage.end] == passage.text
        assert passage.start <= hit.start < hit.end <= passage.end
        assert hit.explanation is None


def test_a_hit_tells_headings_page_title_and_metadata(index):
    hit = next(hit for hit in index.search("red bird no fish") if hit.document_id == "guide.md")
    assert "bird" in hit.text and hit.headings == ("Fish", "Bird")
    assert (hit.title, hit.metadata, hit.page, hit.lines) == ("Guide", {"n": 1}, 2, (9, 9))


@pytest.fixture
def in_a_row(tmp_path):
    """One document whose chunks are one, two, three, four, five; and another around it."""
    words = ["one", "two", "three", "four", "five"]
    documents = [Document(id, "\n\n".join(f"{word} {id}" for word in words)) for id in "xay"]
    with indexed(tmp_path / "i", documents, chunking=Chunking(2, 0)) as index:
        assert index.stats().chunks == 15
        yield index


@pytest.mark.parametrize(
    ("word", "context", "expected"),
    [("three", 1, "two three four"), ("one", 1, "one two"), ("five", 2, "three four five"),
     ("three", 2, "one two three four five"), ("two", 99, "one two three four five")],
)  # fmt: skip
def test_context_is_the_neighbors_of_the_same_document(in_a_row, word, context, expected):
    hit = in_a_row.search(f"{word} a", k=1, context=context)[0]
    assert hit.text == f"{word} a"
    assert hit.context.text == "\n\n".join(f"{part} a" for part in expected.split())


def test_without_context_none_is_given(in_a_row):
    assert in_a_row.search("two a", k=1)[0].context is None


def test_context_of_overlapping_chunks_is_one_span(tmp_path):
    body = " ".join(f"Sentence number {i} is here." for i in range(30))
    with indexed(tmp_path / "i", [Document("a", body)], chunking=Chunking(20, 0, 10)) as index:
        chunks = [chunk.chunk for chunk in chunks_of(index)]
        assert any(a.end > b.start for a, b in pairwise(chunks))
        for hit in index.search("number", k=50, context=1):
            passage = hit.context
            assert body[passage.start : passage.end] == passage.text
            assert passage.start <= hit.start < hit.end <= passage.end


def kept(ranked, vectors, per_document, collapse):
    """The naive way: walk down the ranking, and keep what is not too much or too near."""
    result: list[int] = []
    shown: list[str] = []
    for chunk in ranked:
        near = [vectors[chunk.chunk_id] @ vectors[id] for id in result]
        if per_document is not None and shown.count(chunk.document_id) >= per_document:
            continue
        if collapse is not None and any(cosine >= collapse - 1e-5 for cosine in near):
            continue
        result.append(chunk.chunk_id)
        shown.append(chunk.document_id)
    return result


@pytest.mark.parametrize("mode", ["dense", "lexical"])
@pytest.mark.parametrize("per_document", [None, 1, 2])
@pytest.mark.parametrize("collapse", [None, 0.5, 0.8, 1.0])
def test_crowds_are_left_out_going_down_the_ranking(index, mode, per_document, collapse):
    ranked = index.search("red fish", k=1000, mode=mode)
    chunks = {chunk.id: embedded_text(chunk.title, chunk.chunk) for chunk in chunks_of(index)}
    rows = FakeEmbedder().embed(list(chunks.values()), role="document")
    vectors = dict(zip(chunks, rows, strict=True))
    for k in (1, 5, 30, 1000):
        hits = index.search(
            "red fish", k=k, mode=mode, per_document=per_document, collapse=collapse
        )
        expected = kept(ranked, vectors, per_document, collapse)[:k]
        assert [hit.chunk_id for hit in hits] == expected


def test_crowds_are_left_out_until_as_many_as_asked_for_are_found(tmp_path):
    """The first thousand of the ranking are copies, of documents that say nothing else."""
    copies = [Document(f"copy{i}", "\n\n".join(["red fish"] * 100)) for i in range(10)]
    others = [Document(f"other {word}", f"red {word}") for word in ("moon", "tree", "bird")]
    with indexed(tmp_path / "i", copies + others, chunking=Chunking(2, 0)) as index:
        for mode in ("dense", "lexical", "hybrid"):
            hits = index.search("red fish", k=3, mode=mode, collapse=0.95)
            assert len(hits) == 3 and hits[0].document_id == "copy0"
            assert {hit.document_id[:5] for hit in hits[1:]} == {"other"}
            hits = index.search("red fish", k=13, mode=mode, per_document=1)
            assert len({hit.document_id for hit in hits}) == 13
            hits = index.search("red fish", k=4, mode=mode, per_document=1, collapse=0.95)
            assert hits[0].document_id == "copy0" and len(hits) == 4


def test_a_copy_is_collapsed_though_its_cosine_is_rounded(tmp_path):
    bodies = [text(Random(seed), 1) for seed in range(40)]
    documents = [Document(f"{name}{i}", body) for name in "ab" for i, body in enumerate(bodies)]
    with indexed(tmp_path / "i", documents) as index:
        hits = index.search("red", k=100, collapse=1.0)
        assert len(hits) == len({tuple(sorted(hit.text.split())) for hit in hits})


def test_an_explanation_tells_rank_and_share_in_each_arm(index):
    hits = index.search("red fish", k=200, explain=True)
    by_arm = {mode: index.search("red fish", k=200, mode=mode) for mode in ("dense", "lexical")}
    for hit in hits:
        told = hit.explanation
        assert (told["mode"], told["fusion"], told["alpha"]) == ("hybrid", "convex", 0.6)
        total = 0.0
        for arm, weight in (("dense", 0.6), ("lexical", 0.4)):
            ids = [other.chunk_id for other in by_arm[arm]]
            if hit.chunk_id not in ids:
                assert told[arm] is None
                continue
            assert told[arm]["rank"] == ids.index(hit.chunk_id) + 1
            assert told[arm]["of"] == len(ids) and told[arm]["score"] == hit.scores[arm]
            total += weight * told[arm]["share"]
        assert hit.score == pytest.approx(total, abs=1e-6)


def test_a_lexical_search_asks_no_model(index):
    class Silent(FakeEmbedder):
        def embed(self, texts, *, role):
            raise AssertionError("asked")

    hits = search(index._resources.store(), Silent(), Question("red", mode="lexical"))
    assert hits == index.search("red", mode="lexical")


def test_an_explanation_of_one_arm_knows_no_other(index):
    told = index.search("red", mode="dense", k=1, explain=True)[0].explanation
    assert told.keys() == {"mode", "dense"} and told["dense"]["rank"] == 1


class Vanishing(SqliteStore):
    """Right after a view was taken, a document goes or changes."""

    then = staticmethod(lambda store: None)
    looked = True

    def view(self):
        view = super().view()
        if self.looked:
            view.allowed(())
        happens, self.then = self.then, lambda store: None
        happens(self)
        return view


def make_other(store):
    """The same id, another text, which only one may read."""
    with Index(store.folder, embedder=FakeEmbedder(), chunking=ONE_EACH) as index:
        index.add([Document("gone", "red fish secret", acl=["user:x"])])


@pytest.mark.parametrize("happens", [lambda store: store.delete(["gone"]), make_other])
@pytest.mark.parametrize("looked", [True, False])
@pytest.mark.parametrize("mode", ["dense", "lexical", "hybrid"])
def test_what_goes_between_view_and_fetch_is_left_out(tmp_path, happens, looked, mode):
    documents = [Document("gone", "red fish"), Document("stays", "red fish tree")]
    with indexed(tmp_path / "i", documents):
        pass
    with closing(Vanishing(tmp_path / "i")) as store:
        store.looked, store.then = looked, happens
        question = Question("red fish", mode=mode, context=1)
        hits = search(store, FakeEmbedder(), question)
        assert [hit.document_id for hit in hits] == ["stays"] and "secret" not in repr(hits)


class Deleting:
    """A RankModel while whose work a document is replaced."""

    name = "deleting"

    def __init__(self, happens):
        self._happens = happens

    def rank(self, query, texts, *, top_k=None, raw_scores=False):
        from simile.types import Ranked

        self._happens()
        return [Ranked(place, -float(place)) for place in range(len(texts))]


def test_context_is_never_that_of_another_text(tmp_path):
    """Its chunks were fetched; the document was replaced before its neighbors were."""
    with indexed(tmp_path / "i", [Document("gone", "red\n\nfish")]) as index:
        ranker = Deleting(lambda: make_other(index._resources.store()))
        [hit] = index.search("red", k=1, context=3, rerank=ranker)
        assert hit.text == "red\n\nfish" and hit.context is None


PARAGRAPHS = st.lists(st.lists(st.sampled_from(["red", "fish", "moon", "a.", "#"]), max_size=5))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(PARAGRAPHS.map(lambda rows: "\n\n".join(map(" ".join, rows))), max_size=4),
    suffix=st.sampled_from([".md", ".py", ".txt"]),
    k=st.integers(1, 12),
    context=st.integers(0, 3),
    per_document=st.none() | st.integers(1, 2),
    collapse=st.none() | st.floats(0, 1),
)
def test_whatever_is_asked_hits_are_distinct_spans_in_order(
    tmp_path_factory, texts, suffix, k, context, per_document, collapse
):
    documents = {f"{i}{suffix}": Document(f"{i}{suffix}", body) for i, body in enumerate(texts)}
    with indexed(tmp_path_factory.mktemp("any") / "i", documents.values()) as index:
        hits = index.search(
            "red fish", k=k, context=context, per_document=per_document, collapse=collapse
        )
        count = index.stats().chunks
    assert len(hits) <= k and len({hit.chunk_id for hit in hits}) == len(hits)
    assert (np.diff([hit.score for hit in hits]) <= 0).all()
    if per_document is None and collapse is None:
        assert len(hits) == min(k, count)
    for hit in hits:
        body = documents[hit.document_id].text
        assert body[hit.start : hit.end] == hit.text
        assert (hit.context is not None) == (context > 0)
