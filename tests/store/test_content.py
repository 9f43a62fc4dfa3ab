"""A SQLite file that was edited: a StoreError, or a problem that `check` names."""

import sqlite3

import pytest
from tests.fake import FakeEmbedder

from simile.errors import StoreError
from simile.index import Index
from simile.types import Document


@pytest.fixture
def edited(tmp_path):
    """Make an index, and edit it behind its back; the index, opened again."""

    def edit(sql):
        folder = tmp_path / "i"
        with Index(folder, embedder=FakeEmbedder(dim=16)) as index:
            index.add(
                Document(f"d{n}", f"apple number {n}", metadata={"n": n}, acl=["public", "user:a"])
                for n in range(5)
            )
        connection = sqlite3.connect(folder / "index.sqlite")
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(sql)
        connection.commit()
        connection.close()
        (folder / "vectors.head").unlink()
        (folder / "inverted.head").unlink()
        return Index(folder, embedder=FakeEmbedder(dim=16))

    return edit


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE chunks SET text = 'other' WHERE id = 2",
        "UPDATE documents SET text = 'short' WHERE id = 2",
        "UPDATE chunks SET headings = '[' WHERE id = 2",
        "UPDATE documents SET acl = '{' WHERE id = 2",
        "UPDATE documents SET metadata = '[]' WHERE id = 2",
        "UPDATE acl SET principal = 'all' WHERE principal = 'public'",
        "DELETE FROM metadata WHERE document = 2",
        "UPDATE vectors SET vector = zeroblob(60) WHERE chunk = 2",
        "UPDATE vectors SET vector = x'0102' WHERE chunk = 2",
        "UPDATE vectors SET vector = 'text' WHERE chunk = 2",
        "UPDATE documents SET key = x'ff' WHERE id = 2",
    ],
)
def test_check_names_a_document_that_does_not_agree_with_itself_and_does_not_call_it_mended(
    edited, sql
):
    with edited(sql) as index:
        (problem,) = index.check().problems
        assert "documents" in problem
        assert "simile forget" in problem
        try:
            report = index.check(repair=True)
        except StoreError:
            return
        assert report.problems
        assert not report.repaired


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE meta SET value = 'x' WHERE name = 'generation'",
        "DELETE FROM meta WHERE name = 'generation'",
        "UPDATE meta SET value = 'x' WHERE name = 'dim'",
        "UPDATE meta SET value = '9' WHERE name = 'dim'",
        "DELETE FROM meta WHERE name = 'index'",
        "DELETE FROM meta WHERE name = 'model'",
        "INSERT OR REPLACE INTO meta VALUES ('alpha', 'x')",
        "UPDATE vectors SET vector = x'0102' WHERE chunk = 2",
        "UPDATE chunks SET text = x'ff' WHERE id = 2",
        "UPDATE documents SET acl = '[5]' WHERE id = 2",
        "UPDATE metadata SET value = x'ff' WHERE document = 2",
    ],
)
def test_a_search_of_what_nobody_wrote_is_a_store_error(edited, sql):
    with edited(sql) as index:
        with pytest.raises(StoreError, match="damaged"):
            index.search("apple", filter="n > 0")


def test_a_sync_after_a_repair_brings_back_what_was_removed(tmp_path):
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.txt").write_text("apple")
    with Index(tmp_path / "i", embedder=FakeEmbedder(dim=16)) as index:
        index.sync(docs)
        for sql in ("DELETE FROM vectors", "DELETE FROM acl", "DELETE FROM chunks"):
            connection = sqlite3.connect(tmp_path / "i" / "index.sqlite")
            connection.execute("PRAGMA foreign_keys = OFF")
            connection.execute(sql)
            connection.commit()
            connection.close()
            assert index.check(repair=True).repaired, sql
            index.sync(docs)
            assert len(index.search("apple")) == 1, sql
            assert index.check().problems == ()
