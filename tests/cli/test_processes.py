"""Several `simile` processes on one index: kills at any moment, two writers, searches meanwhile."""

import random
import signal
import subprocess
import sys
from contextlib import closing

import numpy as np
import pytest
from tests.retrieval.syncing import held, rows, write

from simile.index import Index
from simile.retrieval.ingest import BATCH_TEXTS
from simile.store import SqliteStore


@pytest.fixture
def start(environ):
    """Start command lines; all are gone afterwards."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", "simile.cli.main", *map(str, arguments)],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


HOLDER = """
import sys
from pathlib import Path
from simile.store import SqliteStore
with SqliteStore(Path(sys.argv[1])).writing():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module", autouse=True)
def waiting(tmp_path_factory, simile, environ):
    """Begun first, since it takes ten seconds: a command that waits for the writer of its index."""
    folder = tmp_path_factory.mktemp("held")
    docs = write(folder / "docs", {"a.md": "cat"})
    assert simile("index", docs, "-i", folder / "index", "-m", "tiny").returncode == 0
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, folder / "index"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout and holder.stdout.readline() == "held\n"
        with subprocess.Popen(
            [sys.executable, "-m", "simile.cli.main", "index", docs, "-i", folder / "index"],
            stderr=subprocess.PIPE,
            text=True,
            env=environ,
        ) as waiter:
            searched = simile("search", "cat", "-i", folder / "index")
            yield waiter, holder.pid, searched
            waiter.kill()
        holder.kill()


def change(docs, chance, turn):
    """Rewrite, add and remove many files, and rows of a table."""
    names = chance.sample(range(400), 300)
    files = {
        f"{name % 9}/{name}.md": f"# {name}\n\nthe cat of turn {turn}, {name}" for name in names
    }
    files["rows.ndjson"] = rows(
        *((f"row {i}", f"grass {turn} {i}") for i in chance.sample(range(200), 100))
    )
    write(docs, files)
    for name in chance.sample(sorted(docs.rglob("*.md")), 30):
        name.unlink()


def assert_equal_to_fresh(folder, docs, tmp_path, environ, simile):
    """Documents, chunks and vectors, by text."""
    fresh = tmp_path / "fresh"
    assert simile("index", docs, "-i", fresh, "-m", "tiny").returncode == 0
    with Index(folder) as one, Index(fresh) as other:
        ours, theirs = held(one), held(other)
    assert ours.keys() == theirs.keys()
    for id, (document, spans, entry) in ours.items():
        assert (document, entry) == theirs[id][::2]
        assert [chunk for chunk, _ in spans] == [chunk for chunk, _ in theirs[id][1]]
        for (_, mine), (_, its) in zip(spans, theirs[id][1], strict=True):
            vectors = np.frombuffer(mine, np.float32), np.frombuffer(its, np.float32)
            np.testing.assert_allclose(*vectors, atol=0.02)


@pytest.mark.parametrize("kills", [12, pytest.param(50, marks=pytest.mark.slow)])
def test_kills_at_any_moment_lose_nothing_and_double_nothing(
    kills, tmp_path, environ, simile, start
):
    docs, folder = tmp_path / "docs", tmp_path / "index"
    chance, finished = random.Random(kills), 0
    change(docs, chance, -1)
    (folder.parent / "other.md").write_text("of no folder", "utf-8")
    assert simile("index", folder.parent / "other.md", "-i", folder, "-m", "tiny").returncode == 0
    for turn in range(kills):
        change(docs, chance, turn)
        process = start("index", docs, "-i", folder)
        try:
            process.wait(chance.uniform(0.3, 0.8))
            finished += 1
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        with closing(SqliteStore(folder)) as store:
            assert store.check().problems == ()
            for document in store.documents():
                chunks = store.document_chunks(document.id)
                assert "".join(chunk.chunk.text for chunk in chunks) == document.text
            assert store.document("other.md") is not None
    assert finished < kills
    done = simile("index", docs, "-i", folder)
    assert done.returncode == 0, done.stderr
    again = simile("index", docs, "-i", folder)
    assert again.stderr.startswith(b"+0 ~0 -0 = "), again.stderr
    assert simile("check", "-i", folder).returncode == 0
    assert simile("forget", "other.md", "-i", folder).returncode == 0
    assert_equal_to_fresh(folder, docs, tmp_path, environ, simile)


def test_two_at_once_take_turns_and_searches_go_on_meanwhile(tmp_path, simile, start, environ):
    docs, folder = tmp_path / "docs", tmp_path / "index"
    change(docs, random.Random(1), 0)
    both = [start("index", docs, "-i", folder, "-m", "tiny") for _ in range(2)]
    found = set()
    while any(process.poll() is None for process in both):
        if (folder / "index.sqlite").exists():
            with closing(SqliteStore(folder)) as store:
                view = store.view()
                ids, _ = view.lexical("cat", k=2000)
                assert len(store.chunks(view.ids[ids].tolist())) == len(ids)
                found.add(len(ids))
    said = [process.communicate()[1].splitlines()[-1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sorted(line.startswith("+0 ~0 -0") for line in said) == [False, True], said
    done = simile("search", "cat", "-k", "3", "-i", folder)
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 3
    assert simile("check", "-i", folder).returncode == 0
    assert len(found) > 0


def test_who_waits_too_long_is_told_which_process_writes(waiting):
    waiter, holder, searched = waiting
    said = waiter.communicate()[1].splitlines()
    assert waiter.returncode == 2 and len(said) == 1, said
    assert f"is being written by process {holder} on " in said[0] and "waited 10 s" in said[0]
    assert searched.returncode == 0 and searched.stdout


def test_ctrl_c_leaves_a_valid_index_and_ends_soon(tmp_path, simile, start):
    docs, folder = tmp_path / "docs", tmp_path / "index"
    texts = {f"{i}.md": f"the cat {i} sees grass and sky of text {i} " * 40 for i in range(1500)}
    write(docs, texts)
    process = start("index", docs, "-i", folder, "-m", "tiny")
    while stored(folder) == (0, 0):
        assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGINT)
    _, before = stored(folder)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130, said
    assert said.splitlines()[-1] == "simile: interrupted"
    assert "Traceback" not in said
    assert simile("check", "-i", folder).returncode == 0
    left, chunks = stored(folder)
    assert 0 < left < 1500
    assert chunks - before < 2 * BATCH_TEXTS  # The batch that was being written, if any.
    write(docs, {name: "short" for name in texts})
    done = simile("index", docs, "-i", folder)
    assert done.stderr.startswith(f"+{1500 - left:,} ~{left:,} -0 = 1,500 chunks".encode()), (
        done.stderr
    )


def stored(folder):
    """How many documents and chunks are there."""
    if not (folder / "index.sqlite").exists():
        return 0, 0
    with closing(SqliteStore(folder)) as store:
        stats = store.stats()
    return stats.documents, stats.chunks
