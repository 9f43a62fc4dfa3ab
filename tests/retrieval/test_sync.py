"""A sync makes the index equal to what the paths hold, and touches nothing else."""

import os
import shutil
from pathlib import Path

import pytest
from tests.retrieval.syncing import Watched, counts, held, rows, texts, write

from simile.errors import InputError
from simile.index import Index
from simile.retrieval import sync
from simile.retrieval.sync import Sync
from simile.retrieval.walk import Selection, Walk
from simile.types import Document

ROOT = Path(__file__).parents[2]


@pytest.fixture
def model():
    return Watched()


@pytest.fixture
def index(tmp_path, model):
    with Index(tmp_path / "index", embedder=model) as index:
        yield index


@pytest.fixture
def docs(tmp_path):
    return write(tmp_path / "docs", {"a.md": "alpha", "b.md": "beta", "sub/c.txt": "gamma"})


def todo(index, path):
    """The files that a sync of the path would read."""
    store, base = index._resources.store(), index.path.parent
    walks = [Walk(path, Selection(base))]
    look = Sync(walks, manifest=store.manifest(), sources=store.sources()).look()
    return [found.source.path for found in look.files]


def test_what_came_changed_and_went_is_counted(index, docs):
    assert counts(index.sync(docs)) == (3, 0, 0, 0)
    assert counts(index.sync(docs)) == (0, 0, 0, 3)
    write(docs, {"a.md": "alpha two", "d.md": "delta"})
    (docs / "b.md").unlink()
    report = index.sync(docs)
    assert counts(report) == (1, 1, 1, 1) and report.failures == ()
    assert texts(index) == {
        "docs/a.md": "alpha two",
        "docs/d.md": "delta",
        "docs/sub/c.txt": "gamma",
    }
    assert report.chunks == index.stats().chunks == 3
    assert [hit.document_id for hit in index.search("delta", k=1)] == ["docs/d.md"]


def test_only_changed_texts_reach_the_model(index, model, docs):
    report = index.sync(docs)
    assert sorted(model.texts) == ["alpha", "beta", "gamma"]
    assert (report.embedded, report.remembered, report.tokens) == (3, 0, 3)
    write(docs, {"b.md": "beta two"})
    index.sync(docs)
    assert model.texts[3:] == ["beta two"]


def test_a_file_that_settled_is_not_read_again(index, tmp_path, monkeypatch):
    monkeypatch.setattr(sync, "_SETTLED_NS", -1)
    write(tmp_path / "docs", {"old.txt": "old"})
    index.sync(tmp_path / "docs")
    assert todo(index, tmp_path / "docs") == []
    assert counts(index.sync(tmp_path / "docs")) == (0, 0, 0, 1)
    index.delete(["docs/old.txt"])
    assert todo(index, tmp_path / "docs") == ["docs/old.txt"]
    assert counts(index.sync(tmp_path / "docs")) == (1, 0, 0, 0)


def test_a_file_that_changed_just_now_is_read_again(index, docs):
    """It may change again within a tick of the clock, with the same size."""
    index.sync(docs)
    times = (docs / "a.md").stat()
    write(docs, {"a.md": "ALPHA"})
    os.utime(docs / "a.md", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert counts(index.sync(docs)) == (0, 1, 0, 2)
    assert texts(index)["docs/a.md"] == "ALPHA"


def test_a_touched_file_with_the_same_text_is_unchanged(index, model, docs):
    index.sync(docs)
    ids = index._resources.store().view().ids.tolist()
    os.utime(docs / "a.md", (1, 1))
    assert counts(index.sync(docs)) == (0, 0, 0, 3)
    assert len(model.texts) == 3 and index._resources.store().view().ids.tolist() == ids


def test_a_moved_file_is_not_embedded_again(index, model, docs):
    index.sync(docs)
    (docs / "a.md").rename(docs / "sub" / "z.md")
    report = index.sync(docs)
    assert counts(report) == (1, 0, 1, 2)
    assert (report.embedded, report.remembered) == (0, 1) and len(model.texts) == 3
    assert set(texts(index)) == {"docs/b.md", "docs/sub/c.txt", "docs/sub/z.md"}


def test_two_indexes_share_what_was_embedded(docs, tmp_path):
    first, second = Watched(), Watched()
    with (
        Index(tmp_path / "one", embedder=first) as one,
        Index(tmp_path / "2", embedder=second) as two,
    ):
        one.sync(docs)
        assert two.sync(docs).remembered == 3
        assert held(one) == held(two)
    assert second.texts == []


def test_a_path_that_vanished_is_forgotten(index, docs, tmp_path):
    other = write(tmp_path / "other", {"x.md": "xi"})
    index.sync([docs, other, docs / "a.md"])
    shutil.rmtree(docs / "sub")
    assert counts(index.sync(docs / "sub")) == (0, 0, 1, 0)
    (docs / "a.md").unlink()
    assert counts(index.sync(docs / "a.md")) == (0, 0, 1, 0)
    shutil.rmtree(docs)
    assert counts(index.sync([docs, other])) == (0, 0, 1, 1)
    assert set(texts(index)) == {"other/x.md"}


def test_an_unknown_path_is_an_input_error_and_changes_nothing(index, docs, tmp_path):
    with pytest.raises(InputError, match="nowhere: no such file or folder"):
        index.sync([docs, tmp_path / "nowhere"])
    assert not (tmp_path / "index").exists()
    index.sync(docs)
    (docs / "a.md").unlink()
    with pytest.raises(InputError, match="nowhere"):
        index.sync([docs, tmp_path / "nowhere"])
    assert len(texts(index)) == 3
    for wrong in ("", "\0", "x" * 5000):
        with pytest.raises(InputError):
            index.sync(wrong)


def test_files_beside_the_paths_stay(index, docs):
    index.sync(docs)
    write(docs, {"b.md": "changed"})
    assert counts(index.sync(docs / "sub")) == (0, 0, 0, 1)
    assert texts(index)["docs/b.md"] == "beta"


def test_paths_that_overlap_are_read_once(index, docs):
    report = index.sync([docs, docs / "sub", docs / "a.md", str(docs)])
    assert counts(report) == (3, 0, 0, 0)


def test_ids_are_the_same_wherever_the_command_runs(docs, tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    expected = {"docs/a.md", "docs/b.md", "docs/sub/c.txt"}
    for here, there, where in (
        (tmp_path, "docs", "index"),
        (docs, ".", "../index"),
        (docs / "sub", "..", str(tmp_path / "index")),
        (tmp_path / "link" / "docs", ".", str(tmp_path / "link" / "index")),
        (tmp_path, "link/docs", "index"),
        (tmp_path, "docs", "link/index"),
        (tmp_path / "docs", ".", str(tmp_path / "link" / "index")),
    ):
        monkeypatch.chdir(here)
        with Index(where, embedder=Watched()) as index:
            report = index.sync(there)
            assert set(texts(index)) == expected, (here, there, where)
            assert report.added == (
                3 if where == "index" and there == "docs" and not report.unchanged else 0
            )


def test_a_path_beside_the_index_has_its_full_name(tmp_path):
    other = write(tmp_path / "other", {"x.md": "xi"})
    with Index(tmp_path / "deep" / "index", embedder=Watched()) as index:
        index.sync(other)
        assert set(texts(index)) == {(other / "x.md").as_posix()}
        (other / "x.md").unlink()
        assert counts(index.sync(other)) == (0, 0, 1, 0)


def test_an_index_inside_of_what_it_holds_is_not_indexed(docs):
    with Index(docs / "index", embedder=Watched()) as index:
        for _ in range(2):
            index.sync(docs)
            assert set(texts(index)) == {"a.md", "b.md", "sub/c.txt"}


def test_a_folder_of_others_gets_no_gitignore(docs):
    """An index made in a folder that holds files must not hide them from git."""
    with Index(docs, embedder=Watched()) as index:
        index.sync(docs / "a.md")
    assert not (docs / ".gitignore").exists()


def test_include_and_exclude_choose_and_what_is_left_out_is_forgotten(index, docs):
    assert counts(index.sync(docs, include=["*.md"])) == (2, 0, 0, 0)
    assert counts(index.sync(docs, exclude=["b.*"])) == (1, 0, 1, 1)


def test_an_added_document_is_never_removed_nor_overwritten(index, docs):
    index.add([Document("docs/a.md", "mine"), Document("docs/gone.md", "mine, too")])
    report = index.sync(docs)
    assert counts(report) == (2, 0, 0, 0)
    [failure] = report.failures
    assert failure.path == "docs/a.md" and "not added from a file" in failure.reason
    (docs / "a.md").unlink()
    index.sync(docs)
    assert texts(index)["docs/a.md"] == "mine" and texts(index)["docs/gone.md"] == "mine, too"


def test_adding_the_very_document_of_a_file_makes_it_its_own(index, docs):
    index.sync(docs)
    document = index.get("docs/a.md")
    assert document is not None
    assert counts(index.add([document])) == (0, 1, 0, 0)
    assert counts(index.add([document])) == (0, 0, 0, 1)
    (docs / "a.md").unlink()
    index.sync(docs)
    assert index.get("docs/a.md") == document


def test_of_a_document_that_is_added_twice_the_last_stays(index):
    index.add([Document("x", "one")])
    report = index.add([Document("x", "two"), Document("x", "one"), Document("y", "y")])
    assert texts(index) == {"x": "one", "y": "y"} and report.added == 1


def test_a_deleted_document_comes_back_with_the_next_sync(index, docs):
    index.sync(docs)
    assert index.delete(["docs/a.md", "unknown"]) == 1
    assert index.search("alpha", mode="lexical") == []
    assert counts(index.sync(docs)) == (1, 0, 0, 2)


class TestRows:
    """One file can hold many documents."""

    def test_rows_come_change_and_go(self, index, tmp_path):
        docs = write(tmp_path / "docs", {"r.ndjson": rows(("1", "one"), ("2", "two"))})
        assert counts(index.sync(docs)) == (2, 0, 0, 0)
        write(docs, {"r.ndjson": rows(("1", "one"), ("2", "two!"), ("3", "three"))})
        assert counts(index.sync(docs)) == (1, 1, 0, 1)
        write(docs, {"r.ndjson": rows(("3", "three"))})
        assert counts(index.sync(docs)) == (0, 0, 2, 1)
        assert texts(index) == {"3": "three"}
        (docs / "r.ndjson").unlink()
        assert counts(index.sync(docs)) == (0, 0, 1, 0)

    def test_a_table_shrinks_and_grows(self, index, tmp_path):
        docs = write(tmp_path / "docs", {"t.csv": "text\none\ntwo\nthree\n"})
        index.sync(docs)
        write(docs, {"t.csv": "text\none\n"})
        assert counts(index.sync(docs)) == (0, 0, 2, 1)
        write(docs, {"t.csv": "text\none\nzwei\n"})
        assert counts(index.sync(docs)) == (1, 0, 0, 1)
        assert texts(index) == {"docs/t.csv#row 2": "one", "docs/t.csv#row 3": "zwei"}

    def test_the_first_of_two_rows_with_one_id_is_kept_and_said(self, index, tmp_path):
        docs = write(tmp_path / "docs", {"r.ndjson": rows(("1", "first"), ("1", "second"))})
        for added in (1, 0):
            report = index.sync(docs)
            assert report.added == added and texts(index) == {"1": "first"}
            [failure] = report.failures
            assert (
                failure.path == "docs/r.ndjson"
                and "two documents with the id '1'" in failure.reason
            )

    def test_the_first_file_keeps_an_id_until_it_is_gone(self, index, tmp_path):
        files = {"a.ndjson": rows(("1", "of a")), "b.ndjson": rows(("1", "of b"), ("2", "two"))}
        docs = write(tmp_path / "docs", files)
        report = index.sync(docs)
        assert texts(index) == {"1": "of a", "2": "two"}
        assert [failure.path for failure in report.failures] == ["docs/b.ndjson"]
        assert "docs/a.ndjson also has a document with the id '1'" in report.failures[0].reason
        assert index.sync(docs / "b.ndjson").failures == report.failures
        (docs / "a.ndjson").unlink()
        report = index.sync(docs)
        assert counts(report) == (0, 1, 0, 1) and report.failures == ()
        assert texts(index) == {"1": "of b", "2": "two"}
        assert counts(index.sync(docs)) == (0, 0, 0, 2)

    @pytest.mark.parametrize(("old", "new"), [("a", "b"), ("b", "a")])
    def test_a_row_may_move_to_another_file(self, index, tmp_path, old, new):
        docs = write(tmp_path / "docs", {
            f"{old}.ndjson": rows(("1", "moves"), ("2", "stays")),
            f"{new}.ndjson": rows(("3", "is there")),
        })  # fmt: skip
        index.sync(docs)
        write(docs, {
            f"{old}.ndjson": rows(("2", "stays")),
            f"{new}.ndjson": rows(("1", "moved"), ("3", "is there")),
        })  # fmt: skip
        report = index.sync(docs)
        assert report.failures == ()
        assert texts(index) == {"1": "moved", "2": "stays", "3": "is there"}
        assert counts(index.sync(docs)) == (0, 0, 0, 3)

    def test_rows_may_change_places(self, index, tmp_path):
        docs = write(
            tmp_path / "docs", {"a.ndjson": rows(("1", "x")), "b.ndjson": rows(("2", "y"))}
        )
        index.sync(docs)
        write(docs, {"a.ndjson": rows(("2", "y")), "b.ndjson": rows(("1", "x"))})
        assert index.sync(docs).failures == ()
        (docs / "a.ndjson").unlink()
        index.sync(docs)
        assert texts(index) == {"1": "x"}

    def test_a_broken_row_keeps_the_others_and_what_was_there(self, index, tmp_path):
        docs = write(tmp_path / "docs", {"r.ndjson": rows(("1", "one"), ("2", "two"))})
        index.sync(docs)
        write(docs, {"r.ndjson": rows(("1", "changed")) + "{broken\n"})
        report = index.sync(docs)
        assert [failure.path for failure in report.failures] == ["docs/r.ndjson#line 2"]
        assert texts(index) == {"1": "changed", "2": "two"}, "nobody knows what the broken row was"
        write(docs, {"r.ndjson": rows(("1", "changed"))})
        assert counts(index.sync(docs)) == (0, 0, 1, 1)
