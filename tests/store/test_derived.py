"""Derived files are rebuilt when missing, stale or damaged, and never asked for the truth."""

import os
import shutil
import sqlite3
from contextlib import closing

import numpy as np
import pytest

from simile.errors import StoreError
from simile.store import SqliteStore, StoredDocument
from simile.store.codes import encode, same_codes
from simile.store.heads import read_head, write_head
from simile.store.migrations import MIGRATIONS
from simile.types import Chunk, Document

DIM = 8


def make(id, text):
    numbers = np.random.default_rng(len(text)).standard_normal((1, DIM)).astype(np.float32)
    return StoredDocument(Document(id, text), [Chunk(0, len(text), text)], numbers, "h", "f")


@pytest.fixture
def folder(tmp_path):
    with closing(SqliteStore(tmp_path / "index", create=True)) as store:
        store.write([make(f"d{i}", "word " * (i + 1)) for i in range(20)])
        store.flush()
    return tmp_path / "index"


def assert_whole(folder, *, count=20):
    with closing(SqliteStore(folder)) as store:
        view = store.view()
        assert np.count_nonzero(view.allowed()) == count
        assert len(view.lexical("word", k=9999)[0]) == count
        truth = store._database.rows("SELECT chunk, vector FROM vectors ORDER BY chunk")
        alive = view.allowed()
        assert view.ids[alive].tolist() == [row[0] for row in truth]
        assert view.vectors[alive].tobytes() == b"".join(row[1] for row in truth)
        assert same_codes(view._matrix.codes, encode(view.vectors))
        assert store.check().problems == ()


def remove(path):
    shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize(
    "pattern",
    ["vectors.head", "vectors-*.f32", "vectors-*.ids", "vectors-*.i8", "vectors-*.bounds",
     "inverted.head", "inverted-*"],
)  # fmt: skip
def test_a_missing_file_is_rebuilt(folder, pattern):
    for path in list(folder.glob(pattern)):
        remove(path)
    assert_whole(folder)


@pytest.mark.parametrize(
    "pattern",
    ["vectors.head", "vectors-*.f32", "vectors-*.ids", "vectors-*.i8", "vectors-*.bounds",
     "inverted.head"],
)  # fmt: skip
@pytest.mark.parametrize("how", ["cut", "flip", "noise", "empty"])
def test_a_damaged_file_is_rebuilt(folder, pattern, how):
    [path] = folder.glob(pattern)
    content = bytearray(path.read_bytes())
    if how == "cut":
        del content[-20:]
    elif how == "flip":
        content[len(content) // 2] ^= 255
    else:
        content = bytearray(b"\xff{]" * 50 if how == "noise" else b"")
    path.write_bytes(content)
    assert_whole(folder)


@pytest.mark.parametrize("kind", ["f32", "i8", "bounds"])
def test_check_finds_and_repairs_silent_damage(folder, kind):
    """As of a disk: the time of the last change stays."""
    [path] = folder.glob(f"vectors-*.{kind}")
    stat, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2 - 1] ^= 64
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with closing(SqliteStore(folder)) as store:
        [problem] = store.check().problems
        assert problem == "the vector matrix is damaged"
        assert store.check(repair=True).repaired
    assert_whole(folder)


def test_a_matrix_without_codes_is_made_anew(folder):
    """A head as it was before there were codes is no fault, and not used."""
    head = read_head(folder / "vectors.head")
    assert head is not None
    fields, tail = head
    for kind in ("i8", "bounds"):
        next(folder.glob(f"vectors-*.{kind}")).unlink()
        del fields[f"crc_{kind}"], fields["mtimes"][kind]
    del fields["format"]
    write_head(folder / "vectors.head", fields | {"mtimes": [*fields["mtimes"].values()]}, tail)
    with closing(SqliteStore(folder)) as store:
        assert store.check().problems == ()
    assert_whole(folder)


def test_a_damaged_inverted_folder_is_rebuilt(folder):
    for path in folder.glob("inverted-*/*"):
        if path.name == "meta.json" or path.suffix == ".term":
            path.write_bytes(b"noise")
    assert_whole(folder)


def test_a_stale_copy_is_brought_up_to_date(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "old")
    with closing(SqliteStore(folder)) as store:
        store.delete(["d3", "d4"])
        store.write([make("d5", "word again"), make("new", "word new")])
        store.flush()
    for name in ("vectors.head", "inverted.head"):
        shutil.copy(tmp_path / "old" / name, folder / name)
    assert_whole(folder, count=19)


def test_files_of_another_index_are_not_used(folder, tmp_path):
    with closing(SqliteStore(tmp_path / "other", create=True)) as store:
        store.write([make("x", "word else")])
        store.flush()
    for path in [*folder.glob("vectors*"), *folder.glob("inverted*")]:
        remove(path)
    for path in [*(tmp_path / "other").glob("vectors*"), *(tmp_path / "other").glob("inverted*")]:
        target = folder / path.name
        shutil.copytree(path, target) if path.is_dir() else shutil.copy(path, target)
    assert_whole(folder)


def test_many_deletions_rebuild_the_matrix(folder):
    with closing(SqliteStore(folder)) as store:
        store.write([make(f"m{i}", "word") for i in range(5000)])
        store.view()
        store.delete([f"m{i}" for i in range(4000)])
        assert len(store.view().ids) == 1020
    assert_whole(folder, count=1020)


def test_check_finds_and_repairs_orphans(folder):
    with closing(sqlite3.connect(folder / "index.sqlite")) as connection, connection:
        connection.execute("DELETE FROM documents WHERE key = 'd1'")
        connection.execute("DELETE FROM vectors WHERE chunk = 3")
    with closing(SqliteStore(folder)) as store:
        report = store.check()
        assert "1 chunks without a document" in report.problems and not report.repaired
        assert store.check(repair=True).repaired
        for _ in range(2):
            assert store.check(repair=True).problems == ()
    assert_whole(folder, count=18)


def test_check_compares_every_value(folder):
    with closing(sqlite3.connect(folder / "index.sqlite")) as connection, connection:
        connection.execute("UPDATE vectors SET vector = zeroblob(32) WHERE chunk = 3")
    with closing(SqliteStore(folder)) as store:
        assert store.check(repair=True).problems != ()
    assert_whole(folder)


def test_an_older_schema_is_migrated_and_a_newer_one_refused(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    sqlite3.connect(tmp_path / "empty" / "index.sqlite").close()
    (tmp_path / "empty" / "index.sqlite").touch()
    with closing(SqliteStore(tmp_path / "empty")) as store:
        assert store.stats().documents == 0
    with closing(sqlite3.connect(folder / "index.sqlite")) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(StoreError, match="upgrade simile"):
        SqliteStore(folder)


def test_a_folder_without_an_index_is_named(tmp_path):
    with pytest.raises(StoreError, match="holds no index"):
        SqliteStore(tmp_path)
    (tmp_path / "index.sqlite").write_bytes(b"not a database, whatever its name says" * 99)
    with pytest.raises(StoreError, match="not a database"):
        SqliteStore(tmp_path)


def test_another_language_stems_anew(folder):
    with closing(SqliteStore(folder, language="none")) as store:
        assert len(store.view().lexical("words", k=9)[0]) == 0
    with closing(SqliteStore(folder, language="english")) as store:
        assert len(store.view().lexical("words", k=9)[0]) == 9
