"""Several processes on one folder: kills, two writers, readers while somebody writes."""

import random
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
import pytest

from simile.errors import StoreError
from simile.store import SqliteStore
from simile.store.database import use_write_ahead_log

WRITER = """
import sys, numpy as np
from pathlib import Path
from simile.store import SqliteStore, StoredDocument
from simile.types import Chunk, Document
store = SqliteStore(Path(sys.argv[1]), create=True)
for version in range(int(sys.argv[2]), 10**6):
    batch = []
    for id in range(version % 7, 40, 7):
        texts = [f"word v{version} d{id} c{i}" for i in range(1 + version % 3)]
        whole = "\\n".join(texts)
        starts = [whole.index(text) for text in texts]
        chunks = [Chunk(at, at + len(text), text) for at, text in zip(starts, texts)]
        vectors = np.full((len(texts), 8), version, np.float32)
        document = Document(f"d{id}", whole, metadata={"version": version})
        batch.append(StoredDocument(document, chunks, vectors, str(version), "f"))
    store.write(batch)
    if version % 3 == 0:
        store.flush()
    print(version, flush=True)
"""
HOLDER = """
import sys
from pathlib import Path
from simile.store import SqliteStore
store = SqliteStore(Path(sys.argv[1]), create=True)
with store.writing():
    print("held", flush=True)
    sys.stdin.readline()
"""


def start(script, folder, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", script, str(folder), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def assert_sound(folder):
    """Every document is whole, of one version, and found by both arms; nothing else is."""
    with closing(SqliteStore(folder)) as store:
        assert store.check().problems == ()
        view = store.view()
        total = 0
        for document in store.documents():
            version = document.metadata["version"]
            assert isinstance(version, int)
            chunks = store.document_chunks(document.id)
            assert [chunk.chunk.text for chunk in chunks] == document.text.split("\n")
            assert len(chunks) == 1 + version % 3
            rows = np.searchsorted(view.ids, [chunk.id for chunk in chunks])
            assert (view.vectors[rows] == version).all() and view.allowed()[rows].all()
            total += len(chunks)
        assert np.count_nonzero(view.allowed()) == total
        assert len(view.lexical("word", k=10**4)[0]) == total
        assert store.check().problems == ()


def test_a_killed_writer_leaves_every_document_whole(tmp_path):
    chance, version = random.Random(7), 0
    for _ in range(10):
        with start(WRITER, tmp_path / "index", version) as writer:
            for _ in range(chance.randrange(1, 12)):
                version = int(writer.stdout.readline()) + 1
            try:
                writer.wait(timeout=chance.uniform(0, 0.03))
            except subprocess.TimeoutExpired:
                writer.kill()
        assert_sound(tmp_path / "index")


def test_a_second_writer_is_told_who_holds_the_lock(tmp_path):
    with start(HOLDER, tmp_path / "index") as holder:
        assert holder.stdout.readline() == "held\n"
        with closing(SqliteStore(tmp_path / "index")) as store:
            with pytest.raises(StoreError, match=f"process {holder.pid} on ") as failure:
                with store.writing(timeout_s=0.1):
                    raise AssertionError("two writers")
            assert "waited 0.1 s" in str(failure.value)
            assert store.view().ids.shape == (0,)
            holder.kill()
            holder.wait()
            with store.writing(timeout_s=5):
                pass


def test_readers_never_fail_while_somebody_writes(tmp_path):
    with start(WRITER, tmp_path / "index", 0) as writer:
        writer.stdout.readline()
        with closing(SqliteStore(tmp_path / "index")) as store:
            generations: list[int] = []
            while len(generations) < 60 or len(set(generations)) < 3:  # However slow the writer.
                view = store.view()
                generations.append(view.generation)
                rows, _ = view.lexical("word", k=50)
                assert view.allowed()[rows].all()
                for chunk in store.chunks(view.ids[rows].tolist()).values():
                    row = int(np.searchsorted(view.ids, chunk.id))
                    assert f" v{int(view.vectors[row, 0])} " in chunk.chunk.text
            assert generations == sorted(generations)
        writer.kill()
    assert_sound(tmp_path / "index")


def test_a_reader_needs_no_files_that_it_cannot_make(tmp_path):
    with start(WRITER, tmp_path / "index", 0) as writer:
        for _ in range(9):
            writer.stdout.readline()
        writer.kill()
    with start(HOLDER, tmp_path / "index") as holder:
        assert holder.stdout.readline() == "held\n"
        for path in [*tmp_path.glob("index/*.head"), *tmp_path.glob("index/vectors-*")]:
            path.unlink()
        with closing(SqliteStore(tmp_path / "index")) as store:
            view = store.view()
            alive = np.count_nonzero(view.allowed())
            assert alive == store.stats().chunks > 0
            assert len(view.lexical("word", k=999)[0]) == alive
            assert store.view() is view
        assert not list(tmp_path.glob("index/*.head"))
        holder.kill()
    assert_sound(tmp_path / "index")


def test_who_opens_a_folder_while_another_makes_it_waits(tmp_path):
    (tmp_path / "index").mkdir()
    file = tmp_path / "index" / "index.sqlite"
    with closing(sqlite3.connect(file, check_same_thread=False, isolation_level=None)) as other:
        other.execute("CREATE TABLE made (it)")
        other.execute("BEGIN EXCLUSIVE")
        with ThreadPoolExecutor(1) as pool:
            switched = pool.submit(switch, file)
            with pytest.raises(TimeoutError):
                switched.result(timeout=0.1)
            other.execute("COMMIT")
            assert switched.result(timeout=20) == "wal"


def switch(file):
    with closing(sqlite3.connect(file, timeout=0)) as connection:
        use_write_ahead_log(connection)
        return connection.execute("PRAGMA journal_mode").fetchone()[0]
