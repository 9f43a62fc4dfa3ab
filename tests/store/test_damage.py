"""Links, flips, copies from another past, read-only folders and full disks."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import numpy as np
import pytest

from simile.errors import IndexNotFoundError, SimileError, StoreError
from simile.store import EmbeddingCache, SqliteStore, StoredDocument, files, hash_text
from simile.types import Chunk, Document

WORDS = ["red", "green", "fish", "stone", "lamp"]


def make(number, text):
    numbers = np.random.default_rng(number).standard_normal((1, 8)).astype(np.float32)
    return StoredDocument(
        Document(f"d{number}", text), [Chunk(0, len(text), text)], numbers, "h", "f"
    )


def text(number):
    chance = np.random.default_rng(number)
    return " ".join(chance.choice(WORDS, 6)) + f" w{number}"


@pytest.fixture
def folder(tmp_path):
    with closing(SqliteStore(tmp_path / "index", create=True)) as store:
        store.write([make(i, text(i)) for i in range(60)])
        store.flush()
    return tmp_path / "index"


def results(folder):
    with closing(SqliteStore(folder)) as store:
        view = store.view()
        found = []
        for query in ("red fish", '"green stone"', "lamp w7"):
            rows, scores = view.lexical(query, k=20)
            found.append((view.ids[rows].tolist(), scores.tolist()))
        rows, scores = view.dense(np.ones(8, np.float32), k=20)
        return [*found, (view.ids[rows].tolist(), scores.tolist())]


@pytest.fixture(autouse=True)
def nothing_verified():
    files._verified.clear()


DERIVED = ["vectors.head", "vectors-*.f32", "vectors-*.ids", "vectors-*.i8", "vectors-*.bounds",
           "inverted.head", "inverted-*.terms"]  # fmt: skip


@pytest.mark.parametrize("pattern", DERIVED)
@pytest.mark.parametrize("seed", range(4))
def test_a_flipped_bit_changes_no_result(folder, pattern, seed):
    """As of a disk: nothing else tells."""
    expected = results(folder)
    [path] = folder.glob(pattern)
    status, content = path.stat(), bytearray(path.read_bytes())
    content[np.random.default_rng(seed).integers(len(content))] ^= 1 << seed
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    files._verified.clear()
    assert results(folder) == expected
    with closing(SqliteStore(folder)) as store:
        assert store.check().problems == ()


@pytest.mark.slow
@pytest.mark.parametrize("pattern", DERIVED)
def test_flipped_bits_for_long(folder, pattern):
    for seed in range(200):
        test_a_flipped_bit_changes_no_result(folder, pattern, seed % 8)


def test_check_tells_of_damage_that_opening_does_not_read(folder, monkeypatch):
    monkeypatch.setattr(files, "MOST_VERIFIED_BYTES", 0)
    [path] = folder.glob("inverted-*.terms")
    status, content = path.stat(), bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with closing(SqliteStore(folder)) as store:
        assert store.check().problems == ("the inverted index is damaged",)
        assert store.check(repair=True).repaired
        assert store.check().problems == ()


def test_derived_files_of_another_past_are_not_believed(folder, tmp_path):
    """A database that was restored from a copy, and then changed as often as the first."""
    shutil.copy(folder / "index.sqlite", tmp_path / "copy")
    with closing(SqliteStore(folder)) as store:
        store.write([make(100, "red red red one")])
        store.flush()
    for name in ("index.sqlite-wal", "index.sqlite-shm"):
        (folder / name).unlink(missing_ok=True)
    shutil.copy(tmp_path / "copy", folder / "index.sqlite")
    with closing(SqliteStore(folder)) as store:
        store.write([make(101, "fish fish two")])
        rows, _ = store.view().lexical("two", k=9)
        assert len(rows) == 1 and len(store.view().lexical("one", k=9)[0]) == 0
        assert store.check().problems == ()


def test_the_cache_returns_nothing_that_was_changed(tmp_path):
    path, hashes = tmp_path / "cache.sqlite", [hash_text(str(i)) for i in range(3)]
    with closing(EmbeddingCache(path)) as cache:
        cache.put("f", hashes, np.ones((3, 4), np.float32))
    with closing(sqlite3.connect(path)) as connection, connection:
        changed = np.full(4, 2, np.float32).tobytes()
        connection.execute("UPDATE checked_embeddings SET vector = ? WHERE text = ?",
                           (changed, hashes[1]))  # fmt: skip
    with closing(EmbeddingCache(path)) as cache:
        assert set(cache.get("f", hashes)) == {hashes[0], hashes[2]}


def test_an_empty_database_is_not_an_empty_index(folder, tmp_path):
    for ending in ("-wal", "-shm"):
        (folder / f"index.sqlite{ending}").unlink(missing_ok=True)
    (folder / "index.sqlite").write_bytes(b"")
    for create in (True, False):
        with pytest.raises(StoreError, match="is empty, but was not"):
            SqliteStore(folder, create=create)
    with pytest.raises(IndexNotFoundError):
        SqliteStore(tmp_path / "nowhere")


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
class TestLinks:
    @pytest.mark.parametrize(
        "name",
        ["writer.json", "writer.lock", "vectors.head", "vectors.head.new", "inverted.head",
         "inverted.head.new", "index.sqlite-wal", "index.sqlite-shm", "index.sqlite-journal",
         "index.sqlite", "aside"],
    )  # fmt: skip
    def test_nothing_is_written_through_a_link(self, folder, tmp_path, name):
        target = tmp_path / "precious"
        target.write_text("precious")
        place = folder / name
        place.unlink(missing_ok=True)
        place.symlink_to(target)
        try:
            with closing(SqliteStore(folder)) as store:
                store.write([make(200, "red")])
                store.flush()
                store.check(repair=True)
                with store.aside():
                    pass
        except SimileError as exc:
            assert name.partition(".new")[0] in str(exc)
        assert target.read_text() == "precious"

    def test_a_folder_that_is_a_link_is_not_filled(self, folder, tmp_path):
        (tmp_path / "elsewhere").mkdir()
        (folder / "aside").symlink_to(tmp_path / "elsewhere")
        with closing(SqliteStore(folder)) as store:
            with pytest.raises(StoreError, match="aside is a link"), store.aside():
                pass
        assert list((tmp_path / "elsewhere").iterdir()) == []

    @pytest.mark.parametrize("pattern", DERIVED)
    @pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
    def test_what_is_no_file_counts_as_missing(self, folder, tmp_path, pattern, kind):
        expected = results(folder)
        [path] = folder.glob(pattern)
        copy = tmp_path / "copy"
        path.rename(copy)
        if kind == "link":
            path.symlink_to(copy)
        else:
            os.mkfifo(path) if kind == "fifo" else path.mkdir()
        before = copy.read_bytes()
        if kind == "folder" and path.suffix == ".head":
            path.rmdir()  # cannot be replaced; by nobody's slip there
        assert results(folder) == expected
        assert copy.read_bytes() == before

    def test_a_head_names_no_file_elsewhere(self, folder, tmp_path):
        from simile.store.heads import read_head, write_head

        expected = results(folder)
        for name, change in (
            ("vectors.head", {"base": "1-00000000/../../../precious"}),
            ("inverted.head", {"segments": [{"name": "../precious", "lengths": {}, "crc": 0,
                                             "mtime": 0}]}),
            ("inverted.head", {"segments": "x"}),
            ("vectors.head", {"rows": "x"}),
        ):  # fmt: skip
            found = read_head(folder / name)
            assert found is not None
            write_head(folder / name, found[0] | change, found[1])
            assert results(folder) == expected


AS_NOBODY = (
    "import mmap, os, simsimd, sys\n"
    "from pathlib import Path\n"
    "from tests.store.test_damage import results\n"
    "if os.name != 'nt' and os.geteuid() == 0: os.setgid(65534); os.setuid(65534)\n"
    "print(results(Path(sys.argv[1])))\n"
)


def as_nobody(folder):
    """What somebody else finds, who may only read."""
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def read_only(folder):
    """Close the folder for writing; give all rights back at the end."""
    above = [parent for parent in folder.parents if parent.owner() == folder.owner()]
    modes = {path: path.stat().st_mode for path in (*above, folder, *folder.iterdir())}

    def close():
        for path in above:
            path.chmod(path.stat().st_mode | 0o555)
        for path in folder.iterdir():
            path.chmod(0o555 if path.is_dir() else 0o444)
        folder.chmod(0o555)

    yield close
    for path, mode in modes.items():
        if path.exists():
            path.chmod(mode)


@pytest.mark.skipif(os.name == "nt", reason="rights are those of POSIX")
@pytest.mark.parametrize("state", ["whole", "behind", "without"])
def test_an_index_that_one_may_only_read_is_searched(folder, read_only, state):
    if state == "behind":
        with closing(SqliteStore(folder)) as store:
            store.write([make(300, "red fish again")])
        expected_count = 61
    else:
        expected_count = 60
    if state == "without":
        for pattern in DERIVED:
            for path in folder.glob(pattern):
                path.unlink()
    read_only()
    found = as_nobody(folder)
    assert found.startswith("[(") and expected_count
    with closing(SqliteStore(folder)) as store:
        assert np.count_nonzero(store.view().allowed()) == expected_count


@pytest.mark.skipif(os.name == "nt", reason="has no such limit")
def test_without_room_on_the_disk_it_is_searched(folder):
    """A limit on the size of files stands for a full disk."""
    with closing(SqliteStore(folder)) as store:
        store.write([make(400, "unheard fish")])
    code = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from simile.store import SqliteStore\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "store = SqliteStore(Path(sys.argv[1]))\n"
        "print(len(store.view().lexical('unheard', k=5)[0]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("1\n", 0), done.stderr
    with closing(SqliteStore(folder)) as store:
        assert store.check().problems == ()
