"""A store made ready aside and adopted, as other processes see it, and through kills."""

import random
import subprocess
import sys
from contextlib import closing

import numpy as np

from simile.store import SqliteStore

ADOPTER = """
import sys, numpy as np
from pathlib import Path
from simile.store import SourceFile, SqliteStore, StoredDocument
from simile.types import Chunk, Document
store = SqliteStore(Path(sys.argv[1]), create=True)
for version in range(int(sys.argv[2]), int(sys.argv[3])):
    with store.aside() as other:
        for part in range(4):
            batch = []
            for id in range(part * 25, part * 25 + 25):
                text = f"word v{version} d{id} " + "filler " * 300
                vectors = np.full((1, 8), version, np.float32)
                document = Document(f"d{id:03}", text)
                chunks = [Chunk(0, len(text), text)]
                batch.append(StoredDocument(document, chunks, vectors, str(version), "f"))
            other.write(batch, sources=[SourceFile(str(version), 1, 2, "")])
        print("ready", version, flush=True)
        store.adopt(other)
        print("adopted", version, flush=True)
    if version % 2:
        store.flush()
"""


def start(folder, begin, end=10**6):
    return subprocess.Popen(
        [sys.executable, "-c", ADOPTER, str(folder), str(begin), str(end)],
        stdout=subprocess.PIPE,
        text=True,
    )


def version_of(store):
    """The one version of all that the store holds."""
    view = store.view()
    rows, _ = view.lexical("word", k=1000)
    ids = view.ids[rows].tolist()
    chunks = store.chunks(ids)
    if len(chunks) < 100:
        return None  # Taken over between two of these steps: nothing of the old is shown.
    versions = {chunk.chunk.text.split()[1] for chunk in chunks.values()}
    versions |= {f"v{value:.0f}" for value in view.vectors[rows].ravel().tolist()}
    [version] = versions
    return int(version[1:])


def test_readers_in_another_process_see_one_version_whole(tmp_path):
    with start(tmp_path / "index", 0, 12) as writer:
        while writer.stdout.readline() != "adopted 0\n":
            pass
        seen = set()
        with closing(SqliteStore(tmp_path / "index")) as store:
            while writer.poll() is None:
                seen.add(version_of(store))
            assert version_of(store) == 11
        writer.stdout.read()
    assert len(seen - {None}) > 1


def test_a_snapshot_open_in_another_process_stays_as_it_was(tmp_path):
    with start(tmp_path / "index", 0, 1) as writer:
        writer.communicate()
    with closing(SqliteStore(tmp_path / "index")) as store:
        reading = store.documents()
        first = next(reading)
        with start(tmp_path / "index", 1, 3) as writer:
            writer.communicate()
        assert writer.returncode == 0
        assert {" v0 " in document.text for document in [first, *reading]} == {True}
        assert version_of(store) == 2


def test_a_kill_leaves_the_old_or_the_new_whole(tmp_path):
    chance, version = random.Random(3), 0
    for turn in range(6):
        with start(tmp_path / "index", version) as writer:
            while writer.stdout.readline() != f"ready {version + 1}\n":
                pass
            try:
                writer.wait(timeout=chance.uniform(0, 0.02) * (turn % 4))
            except subprocess.TimeoutExpired:
                writer.kill()
            rest = writer.stdout.read().split("\n")
        told = [int(line.split()[1]) for line in rest if line.startswith("adopted ")]
        with closing(SqliteStore(tmp_path / "index")) as store:
            kept = version_of(store)
            assert kept is not None and kept >= max([version, *told])
            assert list(store.sources()) == [str(kept)] and store.check().problems == ()
            ids = store.view().ids
            assert (np.diff(ids) > 0).all() and store.stats().documents == 100
        version = kept + 1
    with closing(SqliteStore(tmp_path / "index")) as store:
        with store.aside():
            pass
        assert not (tmp_path / "index" / "aside").exists()
