"""What is embedded and stored when models fail, when it is broken off, and when models change."""

import threading
import weakref
from pathlib import Path

import numpy as np
import pytest
from tests.fake import FakeEmbedder
from tests.retrieval.syncing import Failing, Odd, Watched, counts, held, nan_for, rows, texts, write

from simile.errors import ConfigError, EngineError, FingerprintError, InputError
from simile.index import Index
from simile.retrieval import ingest, sync
from simile.retrieval.recipe import Chunking
from simile.types import Document

SMALL = Chunking(max_tokens=8, min_tokens=0)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def small_batches(monkeypatch):
    """Two texts a batch, so that a few documents need many writes."""
    monkeypatch.setattr(ingest, "BATCH_TEXTS", 2)


def forget_vectors(index):
    """Make the model compute all texts again: delete the cache's files."""
    cache = index._resources.cache
    assert cache is not None
    cache.close()
    del index._resources.cache
    for path in cache._path.parent.glob(f"{cache._path.name}*"):
        path.unlink()


def paragraphs(name, count):
    return "\n\n".join(f"{name} paragraph number {i} of this text here" for i in range(count))


def test_a_text_without_a_vector_is_reported_and_tried_again(tmp_path):
    docs = write(tmp_path / "docs", {f"{name}.txt": name for name in ("a", "bad", "c")})
    with Index(tmp_path / "index", embedder=nan_for("bad")) as index:
        for turn in range(2):
            report = index.sync(docs)
            assert counts(report) == ((2, 0, 0, 0) if turn == 0 else (0, 0, 0, 2))
            [failure] = report.failures
            assert failure.path == "docs/bad.txt" and "NaN" in failure.reason
        assert set(texts(index)) == {"docs/a.txt", "docs/c.txt"} and held(index)
    with Index(tmp_path / "index", embedder=FakeEmbedder(dim=16)) as index:
        assert counts(index.sync(docs)) == (1, 0, 0, 2)


def test_what_fails_anew_keeps_its_older_self(tmp_path):
    docs = write(tmp_path / "docs", {"a.txt": "good"})
    with Index(tmp_path / "index", embedder=nan_for("bad")) as index:
        index.sync(docs)
        write(docs, {"a.txt": "bad"})
        assert counts(index.sync(docs)) == (0, 0, 0, 0)
        assert texts(index) == {"docs/a.txt": "good"}


def test_a_row_that_moves_and_fails_is_tried_again(tmp_path):
    docs = write(tmp_path / "docs", {"a.ndjson": rows(("1", "good"), ("2", "stays"))})
    with Index(tmp_path / "index", embedder=nan_for("bad")) as index:
        index.sync(docs)
        write(docs, {"a.ndjson": rows(("2", "stays")), "b.ndjson": rows(("1", "bad"))})
        assert [failure.path for failure in index.sync(docs).failures] == ["1"]
        assert texts(index) == {"2": "stays"}, "its old file has given it up"
        write(docs, {"b.ndjson": rows(("1", "mended"))})
        assert counts(index.sync(docs)) == (1, 0, 0, 1)


def test_a_file_with_a_failed_row_does_not_count_as_read(tmp_path, monkeypatch):
    """Also when the file's end comes in a later batch than the row."""
    monkeypatch.setattr(sync, "_SETTLED_NS", -1)
    write(tmp_path / "docs", {"old.txt": (ROOT / "LICENSE").read_text()})
    with Index(tmp_path / "index", embedder=nan_for("License"), chunking=SMALL) as index:
        assert len(index.sync(tmp_path / "docs").failures) == 1
        assert index._resources.store().sources() == {}
    with Index(tmp_path / "index", embedder=FakeEmbedder(dim=16)) as index:
        assert counts(index.sync(tmp_path / "docs")) == (1, 0, 0, 0)
        assert set(index._resources.store().sources()) == {"docs/old.txt"}


def test_removals_of_one_file_do_not_wait_for_another_that_failed(tmp_path, small_batches):
    names = [f"{i:02}.csv" for i in range(9)]
    docs = write(tmp_path / "docs", {name: "text\none\ntwo\n" for name in names})
    with Index(tmp_path / "index", embedder=nan_for("bad")) as index:
        index.sync(docs)
        write(docs, {name: "text\none!\n" for name in names} | {"00.csv": "text\nbad\n"})
        report = index.sync(docs)
        assert counts(report) == (0, 8, 9, 0) and len(report.failures) == 1


def test_adding_what_cannot_be_embedded_is_an_error_and_the_rest_is_stored(tmp_path):
    with Index(tmp_path / "index", embedder=nan_for("bad")) as index:
        with pytest.raises(InputError, match="1 documents were not stored; the first: 'b'"):
            index.add([Document("a", "good"), Document("b", "bad"), Document("c", "fine")])
        assert set(texts(index)) == {"a", "c"}


@pytest.mark.parametrize(
    "wrong",
    [Document("\udc80", "x"), Document("", "x"), Document("x", "x", acl=()),
     Document("x", "\ud800"), Document("x", "x", metadata={"\udfff": 1}),
     Document("x", "x", title="\udfff")],
)  # fmt: skip
def test_one_document_that_cannot_be_stored_costs_no_other(tmp_path, wrong):
    with Index(tmp_path / "index", embedder=FakeEmbedder()) as index:
        with pytest.raises(InputError):
            index.add([Document("a", "one"), wrong, Document("c", "two")])
        assert set(texts(index)) == {"a", "c"} and held(index)


def test_what_is_no_document_is_an_input_error(tmp_path):
    with Index(tmp_path / "index", embedder=FakeEmbedder()) as index:
        with pytest.raises(InputError, match="got a str; expected a Document"):
            index.add(["text"])  # type: ignore[list-item]


@pytest.mark.parametrize(
    "change",
    [lambda _, v: v[:-1], lambda _, v: v[:, :-1], lambda _, v: v.ravel(), lambda _, v: v[None],
     lambda _, v: np.float32(3)],
    ids=["rows", "width", "flat", "deep", "number"],
)  # fmt: skip
def test_vectors_of_the_wrong_shape_are_an_engine_error(tmp_path, change):
    docs = write(tmp_path / "docs", {"a.txt": "one", "b.txt": "two"})
    with Index(tmp_path / "index", embedder=Odd(change)) as index:
        with pytest.raises(EngineError, match="expected one vector of width 16 per text"):
            index.sync(docs)
        assert held(index) == {}
    with Index(tmp_path / "index", embedder=FakeEmbedder(dim=16)) as index:
        assert counts(index.sync(docs)) == (2, 0, 0, 0), "nothing wrong was remembered"


def test_vectors_are_kept_at_length_1(tmp_path):
    with Index(tmp_path / "index", embedder=Odd(lambda _, v: v * 7)) as index:
        index.add([Document("a", "one two"), Document("b", "three")])
        vectors = index._resources.store().view().vectors
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-6)


def test_an_error_between_any_two_writes_is_made_good_by_the_next_run(tmp_path, small_batches):
    """Broken off at each call of the model; afterwards all is as if it had never been."""
    docs = write(tmp_path / "docs", {f"{i}.txt": paragraphs(f"text {i}", i % 4) for i in range(9)})
    write(docs, {"r.csv": "text\n" + "\n".join(f"row number {i}" for i in range(7)) + "\n"})
    with Index(tmp_path / "fresh", embedder=FakeEmbedder(dim=16), chunking=SMALL) as index:
        index.sync(docs)
        expected, call = held(index), 0
    while True:
        try:
            with Index(tmp_path / "i" / str(call), embedder=Failing(call), chunking=SMALL) as index:
                forget_vectors(index)
                index.sync(docs)
                break
        except EngineError:
            with Index(tmp_path / "i" / str(call), embedder=FakeEmbedder(dim=16)) as index:
                before = held(index)
                index.sync(docs)
                after = held(index)
                assert before.keys() <= after.keys() and len(after) == len(expected)
        call += 1
    assert call > 8
    with Index(tmp_path / "fresh", embedder=Failing(0), chunking=SMALL) as index:
        index.sync(docs)  # Nothing is left to embed.
        assert held(index) == expected


def test_a_run_that_was_broken_off_goes_on_where_it_was(tmp_path, small_batches):
    docs = write(tmp_path / "docs", {f"{i}.txt": f"text {i}" for i in range(20)})
    with Index(tmp_path / "index", embedder=Failing(6)) as index:
        with pytest.raises(EngineError, match="the engine broke"):
            index.sync(docs)
        stored = len(held(index))
        assert 0 < stored < 20
    again = Watched()
    with Index(tmp_path / "index", embedder=again) as index:
        assert counts(index.sync(docs)) == (20 - stored, 0, 0, stored)
        assert len(again.texts) <= 20 - stored


def test_another_model_is_refused_and_the_way_out_named(tmp_path):
    docs = write(tmp_path / "docs", {"a.txt": "one"})
    with Index(tmp_path / "index", embedder=FakeEmbedder(dim=16)) as index:
        index.sync(docs)
        expected = held(index)
    with Index(tmp_path / "index", embedder=FakeEmbedder("other", dim=32)) as index:
        write(docs, {"b.txt": "two"})
        for action in (lambda: index.sync(docs), lambda: index.add([]), lambda: index.search("x")):
            with pytest.raises(FingerprintError, match="simile reindex --model other"):
                action()
        assert held(index) == expected
    with Index(tmp_path / "index", embedder=FakeEmbedder(dim=16), chunking=SMALL) as index:
        with pytest.raises(FingerprintError, match="simile reindex --max-tokens 8 --min-tokens 0"):
            index.sync(docs)
        assert held(index) == expected


def test_sizes_that_contradict_each_other_leave_no_note(tmp_path):
    with pytest.raises(InputError, match="overlap"):
        Chunking(max_tokens=10, overlap_tokens=6)


def test_an_unknown_language_is_refused_before_anything_is_written(tmp_path):
    docs = write(tmp_path / "docs", {"a.txt": "one"})
    with Index(tmp_path / "index", embedder=FakeEmbedder(), language="klingon") as index:
        with pytest.raises(ConfigError, match="klingon"):
            index.sync(docs)
    assert not (tmp_path / "index").exists()


def test_a_language_may_be_changed_and_is_kept(tmp_path):
    for language, expected in ((None, "english"), ("german", "german"), (None, "german")):
        with Index(tmp_path / "index", embedder=FakeEmbedder(), language=language) as index:
            index.add([Document("a", "die Häuser")])
            assert index.stats().language == expected
            assert len(index.search("Haus", mode="lexical")) == (expected == "german")


class TestReindex:
    """All anew, beside the old."""

    def test_another_model_and_other_sizes(self, tmp_path):
        docs = write(tmp_path / "docs", {"a.txt": paragraphs("a", 9), "b.txt": "beta", "c.txt": ""})
        with Index(tmp_path / "index", embedder=FakeEmbedder(dim=16)) as index:
            index.sync(docs)
            index.add([Document("own", "mine")])
            documents = list(index.documents())
        other = FakeEmbedder("other", dim=32)
        with Index(tmp_path / "index", embedder=other, chunking=SMALL) as index:
            report = index.reindex()
            assert counts(report) == (0, 4, 0, 0) and report.chunks > 9
            assert list(index.documents()) == documents
            stats = index.stats()
            assert (stats.model, stats.dim, stats.chunking) == ("other", 32, SMALL)
            assert counts(index.sync(docs)) == (0, 0, 0, 3)
            assert index.search("beta", k=1)[0].document_id == "docs/b.txt"
            made_anew = held(index)
        with Index(tmp_path / "fresh", embedder=other, chunking=SMALL) as index:
            index.sync(docs)
            index.add([Document("own", "mine")])
            assert held(index) == made_anew

    def test_settled_files_stay_settled(self, tmp_path, monkeypatch):
        monkeypatch.setattr(sync, "_SETTLED_NS", -1)
        write(tmp_path / "docs", {"old.txt": "old"})
        with Index(tmp_path / "index", embedder=FakeEmbedder(dim=16)) as index:
            index.sync(tmp_path / "docs")
            sources = index._resources.store().sources()
            index.reindex()
            assert index._resources.store().sources() == sources != {}

    @pytest.mark.parametrize("model", [Failing(0), Failing(1), nan_for("paragraph number 3")])
    def test_a_failure_leaves_all_as_it_was(self, tmp_path, model, small_batches):
        docs = write(tmp_path / "docs", {"a.txt": paragraphs("a", 5), "b.txt": "beta"})
        with Index(tmp_path / "index", embedder=FakeEmbedder(dim=16)) as index:
            index.sync(docs)
            before, meta = held(index), index._resources.store().meta()
            forget_vectors(index)
        with Index(tmp_path / "index", embedder=model, chunking=SMALL) as index:
            with pytest.raises(EngineError):
                index.reindex()
            assert held(index) == before and index._resources.store().meta() == meta
        assert not (tmp_path / "index" / "aside").exists()

    def test_readers_see_the_old_until_it_is_done(self, tmp_path):
        with Index(tmp_path / "index", embedder=FakeEmbedder(dim=16)) as index:
            index.add([Document("a", "alpha"), Document("b", "beta")])

            def look(texts, vectors):
                with Index(tmp_path / "index", embedder=FakeEmbedder(dim=16)) as reader:
                    seen.append([hit.document_id for hit in reader.search("alpha")])
                return vectors

            seen: list[list[str]] = []
            forget_vectors(index)
        with Index(tmp_path / "index", embedder=Odd(look)) as index:
            index.reindex()
        assert seen and {tuple(ids) for ids in seen} == {("a", "b")}

    def test_an_empty_index_may_change_its_model(self, tmp_path):
        with Index(tmp_path / "index", embedder=FakeEmbedder(dim=16)) as index:
            index.add([Document("a", "alpha")])
            index.delete(["a"])
        with Index(tmp_path / "index", embedder=FakeEmbedder("other", dim=32)) as index:
            index.reindex()
            assert counts(index.add([Document("b", "beta")])) == (1, 0, 0, 0)
            assert index.stats().dim == 32


def test_a_stream_of_documents_is_never_held(tmp_path):
    """The documents that are alive at once are few, however many come."""
    alive: weakref.WeakSet[Document] = weakref.WeakSet()
    most = 0

    def documents():
        nonlocal most
        for number in range(4000):
            document = Held(f"{number}", f"text number {number}")
            alive.add(document)
            most = max(most, len(alive))
            yield document

    with Index(tmp_path / "index", embedder=FakeEmbedder()) as index:
        assert index.add(documents()).added == 4000
    assert most <= (ingest.BATCHES_AHEAD + 2) * ingest.BATCH_TEXTS


class Held(Document):
    """Known by identity, so that a weak set can hold it."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__


def test_two_threads_may_add_at_the_same_time(tmp_path):
    with Index(tmp_path / "index", embedder=FakeEmbedder()) as index:
        add = lambda name: index.add(Document(f"{name}{i}", f"{name} {i}") for i in range(30))  # noqa: E731
        threads = [threading.Thread(target=add, args=(name,)) for name in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(held(index)) == 90


def test_progress_grows_to_the_whole(tmp_path, small_batches):
    docs = write(tmp_path / "docs", {f"{i}.txt": f"text {i}" for i in range(9)})
    seen: list[tuple[int, int, int]] = []
    with Index(tmp_path / "index", embedder=FakeEmbedder()) as index:
        index.sync(docs, progress=lambda t: seen.append((t.bytes_done, t.files_done, t.embedded)))
    assert seen == sorted(seen) and seen[-1] == (9 * len("text 0"), 9, 9)


def test_an_index_without_texts_is_searched_without_a_model(tmp_path):
    docs = write(tmp_path / "docs", {"image.png": b"\0\1"})
    with Index(tmp_path / "index") as index:
        assert counts(index.sync(docs)) == (0, 0, 0, 0)
        assert index.search("anything") == [] and index.stats().model is None


def test_a_cache_that_cannot_be_had_only_costs_computing(tmp_path):
    write(tmp_path, {"simile-home/cache": "a file where the folder should be"})
    with Index(tmp_path / "index", embedder=FakeEmbedder()) as index:
        assert counts(index.add([Document("a", "alpha")])) == (1, 0, 0, 0)


def test_a_cache_that_breaks_only_costs_computing(tmp_path):
    with Index(tmp_path / "index", embedder=FakeEmbedder()) as index:
        assert index._resources.cache is not None
        index._resources.cache.close()
        assert counts(index.add([Document("a", "alpha")])) == (1, 0, 0, 0)
