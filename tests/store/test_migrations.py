"""Files of earlier versions are brought up to date where they are."""

import json
import sqlite3
from contextlib import closing

import numpy as np
import pytest
from tests.fake import FakeEmbedder

from simile.errors import StoreError
from simile.index import Index
from simile.retrieval.recipe import Chunking, fingerprint, notes
from simile.store import ManifestEntry, SourceFile, SqliteStore
from simile.store.migrations import MIGRATIONS, create_tables


def write_version_1(folder):
    """A file as the first step left it, with one document in it."""
    folder.mkdir()
    with closing(sqlite3.connect(folder / "index.sqlite")) as connection, connection:
        create_tables(connection)
        connection.execute("PRAGMA user_version = 1")
        acl = json.dumps(["group:x", "public"])
        row = (1, "a.md", "T", "apple pie", json.dumps({"year": 2020}), acl, "[0]", "hash", "f")
        connection.execute(f"INSERT INTO documents VALUES ({'?,' * 9} 77, 9)", row)
        connection.executemany("INSERT INTO acl VALUES (1, ?)", [("group:x",), ("public",)])
        connection.execute("INSERT INTO metadata VALUES (1, 'year', 2020, 0)")
        connection.execute(
            "INSERT INTO chunks VALUES (1, 1, 0, 0, 9, 1, 1, NULL, '[\"T\"]', 'apple pie')"
        )
        connection.execute("INSERT INTO vectors VALUES (1, ?)", (np.ones(4, np.float32).tobytes(),))
        notes = {"generation": "3", "dim": "4", "fingerprint": "f"}
        connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", notes.items())


def test_a_file_of_version_1_keeps_all_it_had(tmp_path):
    write_version_1(tmp_path / "index")
    for _ in range(2):  # The second time there is nothing left to do.
        with closing(SqliteStore(tmp_path / "index")) as store:
            document = store.document("a.md")
            assert document is not None and document.text == "apple pie"
            assert document.metadata == {"year": 2020} and document.pages == (0,)
            assert store.manifest() == {"a.md": ManifestEntry("hash", "a.md")}
            assert store.sources() == {} and store.meta()["fingerprint"] == "f"
            view = store.view()
            assert view.lexical("apples", k=3)[0].tolist() == [0]
            assert view.metadata("year").values == [2020]
            np.testing.assert_array_equal(view.vectors, np.ones((1, 4)))
            assert store.check().problems == ()


def test_a_file_is_updated_after_an_upgrade(tmp_path):
    write_version_1(tmp_path / "index")
    (tmp_path / "a.md").write_text("pear pie")
    with Index(tmp_path / "index", embedder=FakeEmbedder(dim=4)) as index:
        with closing(SqliteStore(tmp_path / "index")) as store:
            for name, value in notes(FakeEmbedder(dim=4), Chunking()).items():
                store.set_meta(name, value)
            store._set("fingerprint", fingerprint(FakeEmbedder(dim=4), Chunking()))
        report = index.sync(tmp_path / "a.md")
        assert (report.added, report.changed, report.failures) == (0, 1, ())
        document = index.get("a.md")
        assert document is not None and document.text == "pear pie"


def test_a_migrated_file_takes_what_a_new_one_takes(tmp_path):
    write_version_1(tmp_path / "index")
    with closing(SqliteStore(tmp_path / "index")) as store:
        file = SourceFile("a.md", 1, 2, "")
        store.write([], sources=[file])
        assert store.sources() == {"a.md": file}
        assert store.delete(["a.md"]) == 1 and store.check().problems == ()


def test_every_version_ends_with_the_schema_of_a_new_file(tmp_path):
    def schema(folder):
        with closing(sqlite3.connect(folder / "index.sqlite")) as connection:
            tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
            names = sorted(name for (name,) in connection.execute(tables))
            return {
                name: [row[1:] for row in connection.execute(f"PRAGMA table_info({name})")]
                for name in names
            }

    SqliteStore(tmp_path / "new", create=True).close()
    write_version_1(tmp_path / "old")
    SqliteStore(tmp_path / "old").close()
    assert schema(tmp_path / "old") == schema(tmp_path / "new")


def test_a_file_of_a_newer_version_is_left_alone(tmp_path):
    SqliteStore(tmp_path / "index", create=True).close()
    with closing(sqlite3.connect(tmp_path / "index" / "index.sqlite")) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(StoreError, match="upgrade simile"):
        SqliteStore(tmp_path / "index")
