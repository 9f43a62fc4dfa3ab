"""Who may not read a document learns nothing of it: no text, no name, no number of it.

Everything that a document has (id, title, text, metadata) carries its mark, so that one look at
whatever came out tells of which documents it speaks.
"""

import re
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fake import FakeEmbedder
from tests.retrieval.collection import WORDS, indexed, text

from simile.errors import InputError
from simile.index import Index
from simile.types import Document, Ranked

PRINCIPALS = ("user:a", "user:b", "group:x", "group:y", "group:z", "public")
NOBODY = ("group:X", "user", "user:", "'; DROP TABLE acl; --", "%", "*", "user:a ", "public ")
FILTERS = {
    None: lambda metadata: True,
    "n >= 3": lambda metadata: metadata["n"] >= 3,
    "n in (1, 2) or lang = 'de'": lambda metadata: (
        metadata["n"] in (1, 2) or metadata["lang"] == "de"
    ),
    "not lang = 'en'": lambda metadata: metadata["lang"] != "en",
    "lang = 'en' and n != 4": lambda metadata: metadata["lang"] == "en" and metadata["n"] != 4,
    "secret != null": lambda metadata: True,
}
ALL = 10_000


def mark(chance):
    return f"mark{chance.randrange(10**12):012}x"


def marks_in(anything):
    return set(re.findall(r"mark\d{12}x", repr(anything)))


def document(chance, id, acl, *, paragraphs=None):
    """A document of a few words, everything of it marked."""
    own = mark(chance)
    body = text(chance, paragraphs or chance.randint(1, 4))
    body = "\n\n".join(f"{part} {own}" for part in body.split("\n\n"))
    metadata = {"n": chance.randint(0, 5), "lang": chance.choice(["en", "de"]), "secret": own}
    return Document(f"{id} {own}", body, f"Title {own}", metadata, acl)


def some_acl(chance):
    """One principal, or several; a third of the documents is public."""
    return tuple(chance.sample(PRINCIPALS, chance.choice([1, 1, 2, 3])))


class Watching(FakeEmbedder):
    """Ranks with vectors, and keeps all that it was shown."""

    def __init__(self):
        super().__init__("watching", dim=16)
        self.seen: list[str] = []

    def embed(self, texts, *, role):
        self.seen += texts if role == "document" else []
        return super().embed(texts, role=role)


class WatchingRanker:
    """Turns the order around, and keeps all that it was shown."""

    name = "watching"

    def __init__(self):
        self.seen: list[str] = []

    def rank(self, query, texts, *, top_k=None, raw_scores=False):
        self.seen += texts
        return [Ranked(place, float(place)) for place in reversed(range(len(texts)))]


@dataclass
class Collection:
    """An index, and what is in it."""

    index: Index
    documents: dict[str, Document] = field(default_factory=dict)

    def add(self, *documents):
        self.index.add(documents)
        self.documents |= {document.id: document for document in documents}

    def delete(self, *ids):
        self.index.delete(ids)
        for id in ids:
            del self.documents[id]

    def readable(self, principals):
        """What the principals may read, found out the naive way."""
        who = set(principals) | {"public"}
        return {id: one for id, one in self.documents.items() if who & set(one.acl)}

    def assert_nothing_leaks(self, principals, anything):
        allowed = {document.metadata["secret"] for document in self.readable(principals).values()}
        assert marks_in(anything) <= allowed


@dataclass(frozen=True)
class Asked:
    """A search, drawn by chance."""

    query: str
    principals: tuple[str, ...]
    filter: str | None
    mode: str
    rest: dict[str, Any]

    def passing(self, collection):
        readable = collection.readable(self.principals)
        return {id: one for id, one in readable.items() if FILTERS[self.filter](one.metadata)}


def asked(chance, documents):
    """At times for the very mark of a document, readable or not."""
    words = chance.choices(WORDS, k=chance.randint(1, 4))
    if documents and chance.random() < 0.2:
        words.append(chance.choice([*documents.values()]).metadata["secret"])
    query = " ".join(words)
    principals = chance.sample(PRINCIPALS[:5], chance.randint(0, 3))
    if chance.random() < 0.2:
        principals.append(chance.choice(NOBODY))
    rest = {
        "k": chance.choice([1, 3, 3, 10, ALL]),
        "fusion": chance.choice(["convex", "rrf"]),
        "alpha": chance.choice([0.0, 0.3, 0.6, 1.0]),
        "per_document": chance.choice([None, None, 1, 2]),
        "collapse": chance.choice([None, None, 0.3, 0.9]),
        "context": chance.choice([0, 0, 1, 5]),
        "explain": chance.random() < 0.2,
    }
    return Asked(
        f'"{query}"' if chance.random() < 0.1 else query, tuple(principals),
        chance.choice([*FILTERS]), chance.choice(["dense", "lexical", "hybrid"]), rest,
    )  # fmt: skip


def run(collection, question, *, rerank=None):
    """Search, and check all that can be said of the hits without knowing the ranking."""
    hits = collection.index.search(
        question.query, principals=question.principals, filter=question.filter,
        mode=question.mode, rerank=rerank, **question.rest,
    )  # fmt: skip
    collection.assert_nothing_leaks(question.principals, hits)
    if rerank is not None:
        collection.assert_nothing_leaks(question.principals, rerank.seen)
    passing = question.passing(collection)
    for hit in hits:
        document = passing[hit.document_id]
        assert document.text[hit.start : hit.end] == hit.text
        assert (hit.title, hit.metadata) == (document.title, document.metadata)
        if hit.context:
            assert document.text[hit.context.start : hit.context.end] == hit.context.text
    crowds = question.rest["per_document"], question.rest["collapse"]
    if question.rest["k"] == ALL and crowds[1] is None and question.mode != "lexical":
        assert {hit.document_id for hit in hits} == passing.keys()
    return hits


def test_ten_thousand_searches_while_access_changes_leak_nothing(tmp_path):
    searches = 0
    chance = Random(2026)
    with indexed(tmp_path / "i", [], model=FakeEmbedder(dim=32)) as index:
        collection = Collection(index)
        collection.add(*(document(chance, f"d{i}", some_acl(chance)) for i in range(20)))
        for _ in range(25):
            for _ in range(400):
                one_in_ten = chance.random() < 0.1
                ranker = chance.choice([Watching, WatchingRanker])() if one_in_ten else None
                run(collection, asked(chance, collection.documents), rerank=ranker)
                searches += 1
            change(collection, chance)
    assert searches == 10_000


def change(collection, chance):
    """Some get another access list, one comes, one goes."""
    gone, *ids = chance.sample(sorted(collection.documents), 5)
    again = [replace(collection.documents[id], acl=some_acl(chance)) for id in ids]
    collection.add(*again, document(chance, "new", some_acl(chance)))
    collection.delete(gone)


QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
ACLS = st.sets(st.sampled_from(PRINCIPALS), min_size=1, max_size=3).map(sorted)


@settings(max_examples=30, suppress_health_check=QUIET)
@given(
    acls=st.lists(ACLS, max_size=8),
    others=st.lists(ACLS, max_size=3),
    who=st.sets(st.sampled_from(PRINCIPALS), max_size=3),
    chance=st.randoms(use_true_random=False),
)
def test_no_access_list_lets_anything_through(tmp_path_factory, acls, others, who, chance):
    with indexed(tmp_path_factory.mktemp("access") / "i", []) as index:
        collection = Collection(index)
        collection.add(*(document(chance, f"d{i}", acl) for i, acl in enumerate(acls)))
        before = sorted(collection.documents.values(), key=lambda one: one.id)
        collection.add(*(replace(one, acl=acl) for one, acl in zip(before, others, strict=False)))
        for _ in range(6):
            question = asked(chance, collection.documents)
            run(collection, question, rerank=chance.choice([None, Watching()]))
        readable = collection.readable(who)
        assert {one.id: one for one in index.documents(principals=who)}.keys() == readable.keys()
        for id, stored in collection.documents.items():
            assert index.get(id, principals=who) == (
                index.get(id, everything=True) if id in readable else None
            )
            assert index.get(id, everything=True).text == stored.text


@pytest.fixture
def collection(tmp_path):
    chance = Random(5)
    with indexed(tmp_path / "i", []) as index:
        collection = Collection(index)
        collection.add(*(document(chance, f"d{i}", some_acl(chance)) for i in range(30)))
        yield collection


WHO = [(), ("user:a",), ("group:x", "group:y"), ("nobody",), PRINCIPALS]


@pytest.mark.parametrize("who", WHO, ids=lambda who: "+".join(who) or "none")
def test_a_search_for_all_finds_all_that_may_be_read(collection, who):
    readable = collection.readable(who)
    assert readable and (who == PRINCIPALS or len(readable) < len(collection.documents))
    for mode in ("dense", "hybrid"):
        hits = collection.index.search("red fish", k=ALL, mode=mode, principals=who)
        found = [(hit.document_id, hit.start) for hit in hits]
        assert {id for id, _ in found} == readable.keys() and len(set(found)) == len(found)
        for id, document in readable.items():
            own = sorted(hit.text for hit in hits if hit.document_id == id)
            assert own == sorted(document.text.split("\n\n"))
        once = collection.index.search("red", k=ALL, mode=mode, principals=who, per_document=1)
        assert sorted(hit.document_id for hit in once) == sorted(readable)


@pytest.mark.parametrize("who", WHO, ids=lambda who: "+".join(who) or "none")
def test_a_lexical_search_for_all_finds_all_that_have_the_word(collection, who):
    for filter, passes in FILTERS.items():
        hits = collection.index.search("red", k=ALL, mode="lexical", principals=who, filter=filter)
        expected = [
            part
            for document in collection.readable(who).values()
            for part in document.text.split("\n\n")
            if "red" in part.split() and passes(document.metadata)
        ]
        assert sorted(hit.text for hit in hits) == sorted(expected)


@pytest.mark.parametrize("who", WHO, ids=lambda who: "+".join(who) or "none")
@pytest.mark.parametrize("name", ["folder", "table.parquet", "vectors.faiss"])
def test_an_export_holds_what_may_be_read_and_nothing_else(collection, tmp_path, who, name):
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    if name.endswith(".faiss"):
        pytest.importorskip("faiss")
    out = tmp_path / "out" / name
    count = collection.index.export(out, principals=who)
    written = b"".join(path.read_bytes() for path in out.parent.rglob("*") if path.is_file())
    if name == "table.parquet":  # compressed, so that marks are not there to be read
        parquet = pytest.importorskip("pyarrow.parquet")
        written = repr(parquet.read_table(out).to_pylist()).encode()
    readable = collection.readable(who).values()
    assert marks_in(written) == {document.metadata["secret"] for document in readable}
    assert count == sum(len(document.text.split("\n\n")) for document in readable)


@pytest.mark.parametrize("mode", ["dense", "lexical", "hybrid"])
def test_the_next_search_knows_a_tightened_access_list(tmp_path, mode):
    """Also in an index that was opened, and has searched, before."""
    with indexed(tmp_path / "i", [Document("a", "red fish"), Document("b", "red")]) as index:
        with Index(tmp_path / "i", embedder=FakeEmbedder()) as other:
            for reader in (index, other):
                found = reader.search("red fish", mode=mode)
                assert [hit.document_id for hit in found] == ["a", "b"]
            index.add([Document("a", "red fish", acl=["user:a"])])
            for reader in (index, other):
                for who in ((), ("user:b",)):
                    hits = reader.search("red fish", mode=mode, principals=who)
                    assert [hit.document_id for hit in hits] == ["b"]
                    assert reader.get("a", principals=who) is None
                    assert [one.id for one in reader.documents(principals=who)] == ["b"]
                found = reader.search("red fish", mode=mode, principals=["user:a"])
                assert [hit.document_id for hit in found] == ["a", "b"]
            index.add([Document("a", "red fish")])
            for reader in (index, other):
                found = reader.search("red fish", mode=mode)
                assert [hit.document_id for hit in found] == ["a", "b"]


@pytest.mark.parametrize("principals", NOBODY)
def test_a_principal_is_compared_whole_and_exactly(tmp_path, principals):
    secret = [Document(name, "red", acl=[name]) for name in PRINCIPALS[:-1]]
    with indexed(tmp_path / "i", secret) as index:
        assert index.search("red", principals=[principals]) == []
        assert list(index.documents(principals=[principals])) == []
        assert index.stats().documents == len(secret)


@pytest.mark.parametrize(
    "wrong", ["user:a", "", None, 5, b"user:a", [None], [""], [b"x"]], ids=repr
)
def test_principals_are_a_list_of_names(collection, tmp_path, wrong):
    index, [id, *_] = collection.index, collection.documents
    calls = [
        lambda: index.search("red", principals=wrong),
        lambda: index.get(id, principals=wrong),
        lambda: index.documents(principals=wrong),
        lambda: index.export(tmp_path / "out", principals=wrong),
    ]
    for call in calls:
        with pytest.raises(InputError, match="principals"):
            call()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("acl", [(), [], "user:a", "public", ("",), ("x" * 5000,), ("\udc80",)])
def test_an_access_list_that_is_none_is_an_input_error(tmp_path, acl):
    with indexed(tmp_path / "i", [Document("a", "red")]) as index:
        with pytest.raises(InputError):
            index.add([Document("a", "red changed", acl=acl), Document("b", "red")])
        assert index.get("a").text == "red"
        assert "changed" not in repr(index.search("red", principals=["u", "x", "user:a"]))


@pytest.mark.parametrize("k", [1, 5, 100])
def test_dense_scores_do_not_depend_on_what_may_not_be_read(tmp_path, k):
    chance = Random(7)
    public = [document(chance, f"p{i}", ["public"]) for i in range(20)]
    secret = [document(chance, f"s{i}", ["user:a"]) for i in range(20)]
    both = [one for pair in zip(public, secret, strict=True) for one in pair]
    with indexed(tmp_path / "alone", public) as alone, indexed(tmp_path / "among", both) as among:
        for query in ("red fish", "moon", secret[0].title):
            one, other = (
                [(hit.document_id, hit.start, hit.score) for hit in index.search(
                    query, k=k, mode="dense", explain=True)]
                for index in (alone, among)
            )  # fmt: skip
            assert one == other


def test_an_explanation_counts_only_what_may_be_read(collection):
    for who in WHO:
        readable = collection.readable(who)
        chunks = sum(len(document.text.split("\n\n")) for document in readable.values())
        hits = collection.index.search("red", principals=who, k=ALL, explain=True)
        assert {hit.explanation["dense"]["of"] for hit in hits} == {chunks}
