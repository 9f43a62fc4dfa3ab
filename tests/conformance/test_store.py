"""What every store keeps to. A new store adds its factory to STORES."""

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simile.errors import InputError
from simile.store import SourceFile, SqliteStore, Store, StoredDocument, value_order
from simile.types import Chunk, Document

DIM = 8
STORES: dict[str, Callable[[Path], Store]] = {"sqlite": lambda path: SqliteStore(path, create=True)}
NASTY = ["'; DROP TABLE documents; --", '" OR 1=1', "a\nb", "\0", "%_*?", "日本", "x" * 1000]


@pytest.fixture(params=STORES)
def make(request):
    return STORES[request.param]


@pytest.fixture
def store(make, tmp_path):
    store = make(tmp_path / "index")
    yield store
    store.close()


def stored(
    id,
    *texts,
    acl=("public",),
    metadata=None,
    fingerprint="f",
    title=None,
    source: str | None = "file",
):
    chunks, begin = [], 0
    for text in texts:
        chunks.append(Chunk(begin, begin + len(text), text, ("A", "B"), (1, 2), 3))
        begin += len(text) + 1
    vectors = np.array([vector(text) for text in texts], np.float32).reshape(len(texts), DIM)
    document = Document(id, "\n".join(texts), title, metadata or {}, acl, (0,))
    hash = str(zlib.crc32(document.text.encode()))
    return StoredDocument(document, chunks, vectors, hash, fingerprint, source)


def vector(text):
    return np.random.default_rng(zlib.crc32(text.encode())).standard_normal(DIM)


def visible(store, *principals):
    """Texts that these principals see, by row."""
    view = store.view()
    rows = np.flatnonzero(view.allowed(principals))
    chunks = store.chunks(view.ids[rows].tolist())
    return {chunks[int(view.ids[row])].chunk.text: int(row) for row in rows}


def values_of(view, name):
    """The metadata value of each row, None where unset."""
    column = view.metadata(name)
    assert column.codes.dtype == np.int32 and column.codes.shape == view.ids.shape
    return [None if code < 0 else column.values[code] for code in column.codes]


def found(store, query, *principals, k=10, mask=None):
    view = store.view()
    rows, scores = view.lexical(query, k=k, principals=principals, mask=mask)
    assert (np.diff(scores) <= 0).all()
    chunks = store.chunks(view.ids[rows].tolist())
    return [chunks[int(id)].chunk.text for id in view.ids[rows]]


def test_an_empty_store_finds_nothing(store):
    view = store.view()
    assert view.vectors.shape[0] == 0 and view.allowed().shape == (0,)
    assert found(store, "anything") == [] and store.manifest() == {}
    assert view.metadata("x").codes.shape == (0,)
    assert list(store.documents()) == [] and store.stats().chunks == 0
    assert store.check().problems == ()


def test_what_was_written_comes_back(store):
    one = stored("a", "first text", "second text", acl=("group:x",), metadata={"n": 1, "b": True})
    store.write([one, stored("empty")])
    assert store.document("a") == one.document
    assert [document.id for document in store.documents()] == ["a", "empty"]
    kept = store.document_chunks("a")
    assert [chunk.chunk for chunk in kept] == one.chunks
    view = store.view()
    row = int(np.searchsorted(view.ids, kept[1].id))
    np.testing.assert_array_equal(view.vectors[row], one.vectors[1])
    entry = store.manifest()["a"]
    assert (entry.content_hash, entry.source) == (one.content_hash, "file")
    assert store.meta()["fingerprint"] == "f" and store.stats().dim == DIM


def test_a_document_written_again_replaces_what_it_had(store):
    store.write([stored("a", "old words", "more old")])
    assert found(store, "old") != []
    store.write([stored("a", "new words")])
    assert set(visible(store)) == {"new words"}
    assert found(store, "old") == [] and found(store, "words") == ["new words"]
    assert store.stats().chunks == 1 and store.check().problems == ()


def test_delete_forgets_everything(store):
    store.write([stored("a", "apple"), stored("b", "apple pie")])
    store.view()
    assert store.delete(["a", "unknown"]) == 1
    assert found(store, "apple") == ["apple pie"] and store.document("a") is None
    assert store.delete(["b"]) == 1 and visible(store) == {}


def test_a_view_stays_as_it_was(store):
    store.write([stored("a", "apple")])
    view = store.view()
    before = view.vectors.copy()
    store.write([stored("b", "pear")])
    store.delete(["a"])
    store.view()
    np.testing.assert_array_equal(view.vectors, before)
    assert store.view().generation > view.generation


@pytest.mark.parametrize("nasty", NASTY)
def test_odd_strings_are_only_strings(store, nasty):
    store.write([stored("other", "text", acl=("p",), metadata={"name": "x"})])
    store.write([stored(nasty, "text", acl=(nasty,), metadata={nasty: nasty}, title=nasty)])
    assert store.document(nasty).metadata == {nasty: nasty}
    assert values_of(store.view(), nasty) == [None, nasty]
    assert list(visible(store, nasty)) == ["text"] and visible(store) == {}
    found(store, nasty, nasty)
    assert store.delete([nasty]) == 1 and store.document("other") is not None


@pytest.mark.parametrize(
    "bad", ["surrogate", "nan", "rows", "dim", "fingerprint", "principal", "nobody", "id"]
)
def test_what_cannot_be_stored_writes_nothing(store, bad):
    store.write([stored("a", "text")])
    good = stored("b", "text")
    wrong = {
        "id": stored("", "text"),
        "surrogate": stored("c\udc80"),
        "nan": StoredDocument(good.document, good.chunks, good.vectors * np.nan, "h", "f"),
        "rows": StoredDocument(good.document, good.chunks, good.vectors[:0], "h", "f"),
        "dim": StoredDocument(good.document, good.chunks, good.vectors[:, 1:], "h", "f"),
        "fingerprint": stored("d", "text", fingerprint="g"),
        "principal": stored("e", "text", acl=("",)),
        "nobody": stored("e", "text", acl=()),
    }[bad]
    with pytest.raises(InputError):
        store.write([stored("new", "text"), wrong])
    assert set(store.manifest()) == {"a"} and store.check().problems == ()


def test_metadata_keeps_its_types(store):
    values = ["s", 3, 2.5, True, False, None, 2**70]
    store.write([stored(str(i), "t", metadata={"v": value}) for i, value in enumerate(values)])
    column = values_of(store.view(), "v")
    assert column == [*values[:-1], float(2**70)]
    assert [type(value) for value in column[:5]] == [str, int, float, bool, bool]
    assert [d.metadata["v"] for d in store.documents()] == values


def test_a_column_holds_each_value_once_in_order(store):
    values = [
        2,
        True,
        "b",
        1.0,
        None,
        1,
        "a",
        2.5,
        False,
        "日",
        "B",
        True,
        2**53 + 1,
        2.0**53,
        -0.0,
    ]
    store.write([stored(f"{i:02}", "t", "u", metadata={"v": v}) for i, v in enumerate(values)])
    view = store.view()
    column = view.metadata("v")
    expected: list[str | int | float | bool]
    expected = [False, True, -0.0, 1, 2, 2.5, 2.0**53, 2**53 + 1, "B", "a", "b", "日"]
    assert list(column.values) == expected == sorted(expected, key=value_order)
    assert [isinstance(value, bool) for value in column.values] == [True] * 2 + [False] * 10
    assert values_of(view, "v") == [value for value in values for _ in range(2)]
    with pytest.raises(ValueError, match="read-only"):
        column.codes[0] = 0


@pytest.mark.parametrize(
    "values",
    [[3, 1, 3, -(2**63), 2**63 - 1, 2**53 + 1, 2**53], [0.5, -0.0, 0.0, 1e300, 0.5, -1.0],
     ["b", "a", "b"], [True, True], [False, True], [None, None], [2, None, 2], [1, 1.5, 1.0]],
)  # fmt: skip
def test_a_column_of_one_kind_is_like_any(store, values):
    store.write([stored(f"{i:02}", "t", metadata={"v": v}) for i, v in enumerate(values)])
    column = store.view().metadata("v")
    assert values_of(store.view(), "v") == values
    assert list(column.values) == sorted(set(column.values), key=value_order)
    for value in column.values:
        assert type(value) in {str, int, float, bool}


def test_a_column_shows_the_rows_of_its_view(store):
    store.write([stored("a", "t", metadata={"v": 1}), stored("empty", metadata={"v": 5})])
    view = store.view()
    store.write([stored("b", "t", metadata={"v": 2}), stored("c", "t")])
    assert values_of(view, "v") == [1] and values_of(store.view(), "v") == [1, 2, None]


def test_many_columns_are_read_one_after_the_other(store):
    metadata = {f"n{i}": i for i in range(200)}
    store.write([stored("a", "t", metadata=metadata)])
    view = store.view()
    assert all(values_of(view, name) == [value] for name, value in metadata.items())
    assert all(values_of(view, name) == [value] for name, value in metadata.items())


def test_what_is_not_unicode_names_nothing(store):
    store.write([stored("a", "t", acl=("?",), metadata={"?": 1})])
    view = store.view()
    assert not view.allowed(["\udc80"]).any() and view.allowed(["?"]).all()
    assert values_of(view, "\udc80") == [None] and values_of(view, "?") == [1]
    assert found(store, "t", "\udc80") == [] and found(store, "t", "?") == ["t"]


def test_the_mask_bounds_the_lexical_arm(store):
    """Few rows and many: a store may go about them in different ways."""
    texts = [f"word {'filler ' * (i % 7)}{i}" for i in range(5000)]
    store.write([stored(f"{i:04}", *texts[i : i + 10]) for i in range(0, 5000, 10)])
    view = store.view()
    everything, scores = view.lexical("word", k=5000)
    assert len(everything) == 5000
    for out_of_50 in (1, 25, 48):
        mask = np.arange(5000) % 50 < out_of_50
        rows, some = view.lexical("word", k=20, mask=mask)
        assert rows.tolist() == [row for row in everything if mask[row]][:20]
        by_row = dict(zip(everything.tolist(), scores.tolist(), strict=True))
        np.testing.assert_allclose(some, [by_row[row] for row in rows.tolist()], rtol=1e-6)


def test_the_dense_arm_is_exact_and_bounded(store):
    """Few rows and many: a store may go about them in different ways."""
    readers = [("public",), ("group:x",), ("user:y", "group:x")]
    names = [f"{i:04}" for i in range(600)]
    store.write([stored(name, *(f"{name} {j}" for j in range(10)), acl=readers[i % 3])
                 for i, name in enumerate(names)])  # fmt: skip
    store.write([stored("0003", *("twin" for _ in range(9)))])
    store.delete(["0006"])
    view = store.view()
    query = vector("query").astype(np.float32)
    exact = view.vectors.astype(np.float64) @ query
    chance = np.random.default_rng(0)
    for who in ((), ("group:x",), ("user:y", "user:z")):
        allowed = view.allowed(who)
        for share in (None, 0.9, 0.05, 0.0):
            mask = None if share is None else chance.random(len(allowed)) < share
            rows = np.flatnonzero(allowed if mask is None else allowed & mask)
            expected = rows[np.lexsort((rows, -exact[rows].astype(np.float32)))]
            for k in (0, 1, 30, 10_000):
                found, scores = view.dense(query, k=k, principals=who, mask=mask)
                assert len(found) == min(k, len(rows)) and np.isin(found, rows).all()
                np.testing.assert_allclose(scores, exact[found], rtol=1e-4, atol=1e-5)
                np.testing.assert_allclose(scores, exact[expected[:k]], rtol=1e-4, atol=1e-5)
                equal = np.diff(scores) == 0
                assert (np.diff(scores) <= 0).all() and (np.diff(found)[equal] > 0).all()
    found, _ = view.dense(query, k=10_000, principals=["group:x"])
    texts = {chunk.chunk.text for chunk in store.chunks(view.ids[found].tolist()).values()}
    assert len(found) == 5999 - 10 and {"twin", "0001 5", "0005 0"} <= texts
    assert not any(text.startswith(("0006", "0003")) for text in texts)


def test_an_empty_store_has_no_nearest(store):
    assert [part.size for part in store.view().dense(np.ones(3, np.float32), k=5)] == [0, 0]
    store.write([stored("a", "text")])
    store.delete(["a"])
    assert [part.size for part in store.view().dense(vector("x"), k=5)] == [0, 0]


@pytest.mark.parametrize(
    "query",
    [np.ones(DIM + 1), np.ones((1, DIM)), np.full(DIM, np.nan), np.full(DIM, 1e300)],
    ids=["dim", "shape", "nan", "too great"],
)
def test_a_query_that_is_no_vector_of_the_index_is_refused(store, query):
    store.write([stored("a", "text")])
    with pytest.raises(InputError, match="the query"):
        store.view().dense(query, k=1)


def test_quotes_ask_for_phrases(store):
    store.write([stored("a", "new york city"), stored("b", "york is new"), stored("c", "nothing")])
    assert found(store, '"new york"') == ["new york city"]
    assert found(store, 'york "new york"')[0] == "new york city"
    assert len(found(store, 'york "new york"')) == 2


def test_scripts_without_spaces_are_found(store):
    store.write(
        [stored("ja", "東京都に住んでいます"), stored("zh", "我喜欢猫"), stored("th", "ภาษาไทยง่าย")]
    )
    assert found(store, "東京") == ["東京都に住んでいます"]
    assert found(store, "猫") == ["我喜欢猫"] and found(store, "ไทย") == ["ภาษาไทยง่าย"]


@pytest.mark.parametrize(
    "query",
    ["", " ", '"', '""', "AND OR NOT", "body:x^2 -y +(z~", "*", "\0\udc80", "word " * 20000,
     " ".join(map(str, range(20000))), '"' + "word " * 20000 + '"', "猫" * 30000],
    ids=range(12),
)  # fmt: skip
def test_no_query_is_syntax(store, query):
    store.write([stored("a", "word and more")])
    found(store, query)


IDS = st.sampled_from(["a", "b", "c", "d"])
FILE, OTHER = SourceFile("file", 5, 7, "rules"), SourceFile("other", 2**62, 0, "")


def test_a_file_counts_as_whole_only_when_it_is_named(store):
    assert store.sources() == {}
    store.write([stored("a", "one")])
    assert store.sources() == {}
    store.write([stored("b", "two")], sources=[FILE])
    store.write([], sources=[OTHER])
    assert store.sources() == {"file": FILE, "other": OTHER}
    store.write([], sources=[SourceFile("other", 1, 2, "new")])
    assert store.sources()["other"] == SourceFile("other", 1, 2, "new")
    assert set(store.manifest()) == {"a", "b"}


def test_naming_files_shows_nothing_new_to_views(store):
    store.write([stored("a", "one")])
    view = store.view()
    store.write([], sources=[FILE])
    assert store.view() is view


def test_writing_a_document_of_a_file_takes_back_that_it_is_whole(store):
    store.write([stored("a", "one"), stored("b", "two")], sources=[FILE, OTHER])
    store.write([stored("a", "new")])
    assert store.sources() == {"other": OTHER}
    store.write([], sources=[FILE])
    store.write([stored("a", "taken over", source="other")])
    assert store.sources() == {}, "both the old file of a document and its new one"
    store.write([], sources=[FILE, OTHER])
    store.write([stored("b", "two", source=None)])
    assert store.sources() == {"other": OTHER}


def test_deleting_a_document_of_a_file_takes_back_that_it_is_whole(store):
    store.write([stored("a", "one"), stored("b", "two")], sources=[FILE, OTHER])
    store.delete(["unknown"])
    assert set(store.sources()) == {"file", "other"}
    store.delete(["a"])
    assert set(store.sources()) == {"other"}


def test_what_is_refused_does_not_make_a_file_whole(store):
    with pytest.raises(InputError):
        store.write([stored("")], sources=[FILE])
    assert store.sources() == {}


def test_an_adopted_store_takes_over_at_once_and_ids_go_on(store):
    store.write([stored("a", "old words", "older"), stored("b", "gone")], sources=[FILE])
    store.set_meta("note", "kept by none")
    before, seen = store.view(), set(store.chunks(range(9)))
    with store.aside() as other:
        other.write([stored("a", "new words", fingerprint="g")], sources=[OTHER])
        other.set_meta("note", "new")
        assert set(visible(store)) == {"old words", "older", "gone"}
        assert store.meta()["fingerprint"] == "f" and store.sources() == {"file": FILE}
        store.adopt(other)
    assert set(visible(store)) == {"new words"} and found(store, "words") == ["new words"]
    assert store.meta()["fingerprint"] == "g" and store.meta()["note"] == "new"
    assert store.sources() == {"other": OTHER} and set(store.manifest()) == {"a"}
    assert store.view().generation > before.generation
    assert seen.isdisjoint(store.view().ids.tolist()), "an id was given twice"
    store.write([stored("c", "more", fingerprint="g")])
    assert set(visible(store)) == {"new words", "more"} and store.check().problems == ()


def test_a_view_from_before_never_shows_what_was_adopted_as_its_own(store):
    store.write([stored("a", "old")])
    view = store.view()
    with store.aside() as other:
        other.write([stored("a", "new", acl=("group:x",))])
        store.adopt(other)
    np.testing.assert_array_equal(view.vectors[0], vector("old").astype(np.float32))
    assert not view.allowed(["group:x"]).any() and visible(store) == {}


def test_reading_that_began_before_an_adoption_ends_as_it_began(store):
    store.write([stored(f"{i}", "old") for i in range(5)])
    reading = store.documents()
    assert next(reading).text == "old"
    with store.aside() as other:
        other.write([stored(f"{i}", "new") for i in range(9)])
        store.adopt(other)
    assert [document.text for document in reading] == ["old"] * 4
    assert {document.text for document in store.documents()} == {"new"}


def test_an_aside_that_is_given_up_leaves_no_trace(store, tmp_path):
    store.write([stored("a", "one")])
    store.flush()
    names = {path.name for path in (tmp_path / "index").rglob("*")}
    before = store.meta()
    with pytest.raises(KeyError), store.aside() as other:
        other.write([stored("b", "two")])
        raise KeyError
    with store.aside():
        pass
    assert store.meta() == before and set(visible(store)) == {"one"}
    assert {path.name for path in (tmp_path / "index").rglob("*")} == names


def test_only_a_store_from_aside_is_adopted(store, make, tmp_path):
    stranger = make(tmp_path / "stranger")
    with pytest.raises(InputError, match="aside"):
        store.adopt(stranger)
    stranger.close()


def test_many_adoptions_follow_each_other(store):
    for turn in range(4):
        with store.aside() as other:
            other.write([stored(f"{turn}", *(f"t{turn} {i}" for i in range(turn)))])
            store.adopt(other)
        assert set(visible(store)) == {f"t{turn} {i}" for i in range(turn)}
        assert store.check().problems == ()


WORDS = st.lists(st.sampled_from(["red", "green", "blue", "fish"]), min_size=1, max_size=4)
PRINCIPALS = st.sets(st.sampled_from(["public", "u:1", "g:2"]), max_size=2)
TEXTS = st.lists(WORDS.map(" ".join), max_size=3)
STEP = st.tuples(st.just("write"), IDS, TEXTS, PRINCIPALS) | st.tuples(st.just("delete"), IDS)
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=25, deadline=None, suppress_health_check=QUIET)
@given(steps=st.lists(STEP | st.tuples(st.just("view")), max_size=12), who=PRINCIPALS, words=WORDS)
def test_random_changes_agree_with_a_dictionary(make, tmp_path_factory, steps, who, words):
    store = make(tmp_path_factory.mktemp("s") / "index")
    model: dict[str, tuple[list[str], set[str]]] = {}
    for step in steps:
        if step[0] == "view":
            store.view()
        elif step[0] == "delete":
            assert store.delete([step[1]]) == (model.pop(step[1], None) is not None)
        else:
            acl = tuple(sorted(step[3])) or ("public",)
            store.write([stored(step[1], *step[2], acl=acl)])
            model[step[1]] = (step[2], set(acl))
    assert {d.id: set(d.acl) for d in store.documents()} == {
        id: acl for id, (_, acl) in model.items()
    }
    seen = [t for texts, acl in model.values() if acl & (who | {"public"}) for t in texts]
    view = store.view()
    rows = np.flatnonzero(view.allowed(who))
    chunks = store.chunks(view.ids[rows].tolist())
    assert sorted(chunk.chunk.text for chunk in chunks.values()) == sorted(seen)
    for row in rows:
        expected = vector(chunks[int(view.ids[row])].chunk.text).astype(np.float32)
        np.testing.assert_array_equal(view.vectors[row], expected)
    hits = sorted(text for text in seen if set(text.split()) & set(words))
    assert sorted(found(store, " ".join(words), *who, k=99)) == hits
    assert store.check().problems == ()
    store.close()
