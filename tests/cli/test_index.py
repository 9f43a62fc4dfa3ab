"""`simile index` and its sisters, as a user runs them."""

import os
import shutil
from pathlib import Path

import orjson
import pytest
from tests.retrieval.syncing import rows, write


@pytest.fixture
def work(tmp_path):
    """A working folder with two documents, not yet indexed."""
    return write(tmp_path / "work", {"docs/a.md": "# Cat\n\nthe cat", "docs/b.txt": "blue sky"})


@pytest.fixture(scope="module")
def made(tmp_path_factory, simile):
    """A working folder with an index; not to be changed."""
    work = tmp_path_factory.mktemp("made")
    write(work, {"docs/a.md": "# Cat\n\nthe cat", "docs/b.txt": "blue sky", "docs/x.png": b"\0"})
    assert simile("index", "docs", "-m", "tiny", cwd=work).returncode == 0
    return work


@pytest.fixture
def copied(made, tmp_path):
    """The same, to be changed."""
    return Path(shutil.copytree(made, tmp_path / "copied", dirs_exist_ok=True))


def last(done):
    return done.stderr.decode().splitlines()[-1]


def said(done) -> str:
    """What an error said: one line, no traceback."""
    lines: list[str] = done.stderr.decode().splitlines()
    assert done.returncode == 2 and "Traceback" not in done.stderr.decode(), lines
    return lines[-1]


def state(work):
    """Everything in the index that a change would change."""
    return {p: p.stat().st_mtime_ns for p in work.rglob("*") if p.suffix in {".head", ".sqlite"}}


def test_the_last_line_says_what_was_done(run, work):
    for expected in (r"+2 ~0 -0 = 2 chunks, ", "+0 ~0 -0 = 2 chunks, "):
        done = run("index", "docs", "-m", "tiny", cwd=work)
        assert (done.returncode, done.stdout) == (0, b"")
        assert last(done).startswith(expected) and last(done).endswith(" s")
    write(work, {"docs/a.md": "new", "docs/c.md": "grass", "notes.md": "why"})
    (work / "docs" / "b.txt").unlink()
    assert last(run("index", "docs", "notes.md", cwd=work)).startswith("+2 ~1 -1 = 3 chunks, ")
    assert (work / ".simile" / "index.sqlite").exists()


def test_a_dry_run_prints_what_would_change_and_changes_nothing(run, work, copied):
    done = run("index", "docs", "--dry-run", cwd=work)
    assert done.stdout == b"+ docs/a.md\n+ docs/b.txt\n" and done.returncode == 0
    assert last(done).startswith("+2 ~0 -0 = 0 chunks")
    assert sorted(path.name for path in work.iterdir()) == ["docs"]
    write(copied, {"docs/a.md": "new"})
    (copied / "docs" / "b.txt").unlink()
    before = state(copied)
    done = run("index", "docs", "--dry-run", cwd=copied)
    assert done.stdout == b"~ docs/a.md\n- docs/b.txt\n" and state(copied) == before


def test_the_index_is_found_from_a_folder_below(run, copied):
    (copied / "docs" / "deep").mkdir()
    below = copied / "docs" / "deep"
    write(below, {"c.md": "grass"})
    assert last(run("index", "..", cwd=below)).startswith("+1 ~0 -0 = 3 chunks")
    assert b'"document_id":"docs/deep/c.md"' in run("search", "grass", cwd=below).stdout
    assert not (below / ".simile").exists()


def test_include_and_exclude_choose_what_is_read(run, work):
    write(work, {"docs/c.py": "x = 1", "docs/drafts/d.md": "d"})
    done = run("index", "docs", "--include", "*.md", "--include", "*.py", "--exclude", "drafts/",
                  "--dry-run", cwd=work)  # fmt: skip
    assert done.stdout == b"+ docs/a.md\n+ docs/c.py\n"


def test_stdin_is_one_document(run, copied):
    done = run("index", "-", "--name", "schema.sql", "--acl", "g", "--acl", "user:x", cwd=copied,
                  stdin=b"the\r\ncat \xff")  # fmt: skip
    assert last(done).startswith("+1 ~0 -0 = 3 chunks") and done.returncode == 0
    done = run("search", "cat", "--as", "g", "--mode", "lexical", cwd=copied)
    hits = [orjson.loads(line) for line in done.stdout.splitlines()]
    assert {hit["document_id"] for hit in hits} == {"docs/a.md", "schema.sql"}
    assert [hit["text"] for hit in hits if hit["document_id"] == "schema.sql"] == [
        "the\r\ncat \ufffd"
    ]
    assert b"schema" not in run("search", "cat", cwd=copied).stdout
    for wrong in (["docs"], ["--dry-run"], ["--include", "*"], ["--name", ""]):
        assert "simile: " in said(run("index", "-", *wrong, cwd=copied, stdin=b"x"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["index"], "Missing argument"), (["index", "docs", "--no-such"], "No such option"),
     (["index", "nowhere", "-m", "tiny"], "nowhere: no such file or folder"),
     (["index", "x" * 300], "File name too long"), (["index", ""], "is not a path"),
     (["index", "docs", "--max-tokens", "0"], "max-tokens"),
     (["index", "docs", "--max-tokens", "10", "--overlap-tokens", "9"], "overlap"),
     (["index", "docs", "--acl", ""], "principal"),
     (["index", "docs", "-m", "tiny", "--language", "klingon"], "klingon"),
     (["index", "docs", "-i", "docs/a.md"], "docs/a.md"),
     (["search", "cat", "-i", "nowhere"], "holds no index"), (["status"], "holds no index"),
     (["reindex"], "holds no index"), (["forget", "x"], "holds no index"),
     (["check"], "holds no index"), (["export", "x"], "holds no index")],
)  # fmt: skip
def test_a_mistake_is_one_line_and_exit_code_2(run, work, arguments, message):
    assert message in said(run(*arguments, cwd=work))
    assert sorted(path.name for path in work.iterdir()) == ["docs"]


def test_what_cannot_be_read_is_told_and_the_rest_is_done(run, work):
    write(
        work, {"docs/bad.md": "---\nacl: [\n---\n", "docs/r.ndjson": rows(("1", "x"), ("1", "y"))}
    )
    done = run("index", "docs", "-m", "tiny", cwd=work)
    assert done.returncode == 0 and last(done).startswith("+3 ~0 -0")
    assert b"simile: docs/bad.md: front matter is not YAML" in done.stderr
    assert b"simile: docs/r.ndjson: it has two documents with the id '1'" in done.stderr
    done = run("index", "docs/bad.md", "-i", "other", "-m", "tiny", cwd=work)
    assert done.returncode == 2 and last(done).startswith("+0 ~0 -0 = 0 chunks")


def test_rules_that_cannot_be_read_are_an_error(run, copied):
    write(copied, {"docs/simile.toml": "[[documents]]\nmatch = 1\n"})
    assert "docs/simile.toml, rule 1: match is 1" in said(run("index", "docs", cwd=copied))


def test_another_model_is_refused_until_reindex(run, copied, environ, tmp_path):
    from tests.checkpoint_files import write_tiny_bert

    other = str(write_tiny_bert(tmp_path / "other", dim=8, seed=1))
    write(copied, {"docs/c.md": "new"})
    message = said(run("index", "docs", "-m", other, cwd=copied))
    assert f"simile reindex --model {other}" in message
    done = run("reindex", "-m", other, "--max-tokens", "20", "--min-tokens", "5", cwd=copied)
    assert done.returncode == 0 and last(done).startswith("+0 ~2 -0 = ")
    fields = orjson.loads(run("status", cwd=copied).stdout)
    assert (fields["model"], fields["dim"], fields["documents"]) == (other, 8, 2)
    assert (fields["chunking"]["max_tokens"], fields["chunking"]["min_tokens"]) == (20, 5)
    assert last(run("index", "docs", cwd=copied)).startswith("+1 ~0 -0")
    assert run("search", "cat", "-k", "1", cwd=copied).returncode == 0


def test_status_counts_what_is_there(run, made):
    fields = orjson.loads(run("status", cwd=made).stdout)
    assert fields.pop("size_bytes") > 10_000 and fields.pop("generation") > 0
    assert fields.pop("chunking")["max_tokens"] == 400
    assert fields == {
        "index": str(made / ".simile"), "documents": 2, "chunks": 2, "dim": 16, "model": "tiny",
        "language": "english", "default_acl": None, "acl_by_path": {},
    }  # fmt: skip


def test_forget_takes_out_and_says_how_many(run, copied):
    done = run("forget", "docs/a.md", "unknown", cwd=copied)
    assert (done.returncode, last(done)) == (0, "simile: 1 document forgotten")
    done = run("forget", "docs/a.md", cwd=copied)
    assert (done.returncode, last(done)) == (1, "simile: 0 documents forgotten")
    assert last(run("index", "docs", cwd=copied)).startswith("+1 ~0 -0 = 2 chunks")


def test_check_finds_damage_and_repairs_it(run, copied):
    assert run("check", cwd=copied).stderr == b""
    [matrix] = (copied / ".simile").glob("vectors-*.f32")
    matrix.write_bytes(bytes(matrix.stat().st_size))
    done = run("check", cwd=copied)
    assert done.returncode == 2 and b"simile: the vector matrix " in done.stderr
    done = run("check", "--repair", cwd=copied)
    assert done.returncode == 0 and last(done) == "simile: repaired"
    done = run("check", cwd=copied)
    assert (done.returncode, done.stderr) == (0, b"")
    assert run("search", "cat", cwd=copied).returncode == 0


def test_an_index_that_is_no_database_is_an_error(run, copied):
    (copied / ".simile" / "index.sqlite").write_bytes(b"no database at all" * 99)
    for arguments in (["search", "cat"], ["index", "docs"], ["check", "--repair"], ["status"]):
        assert "index.sqlite: file is not a database" in said(run(*arguments, cwd=copied))


def test_export_writes_what_may_be_read(run, made, tmp_path):
    done = run("export", tmp_path / "out", cwd=made)
    assert done.returncode == 0 and last(done) == f"simile: 2 chunks in {tmp_path / 'out'}"
    assert {"vectors.npy", "chunks.ndjson"} <= {path.name for path in (tmp_path / "out").iterdir()}


def test_why_skipped_tells_the_reason(run, work):
    write(work, {"docs/.gitignore": "b.txt", "docs/x.png": b"\0", "docs/.hid/y.md": "y",
                 "docs/bad.md": "---\nacl: [\n---\n"})  # fmt: skip
    (work / "docs" / "loop").symlink_to("loop")
    for name, code, reason in (
        ("docs/a.md", 1, "it is not skipped"),
        ("docs/../docs/a.md", 1, "it is not skipped"),
        ("docs/b.txt", 0, ".gitignore ignores it"),
        ("docs/x.png", 0, "binary"),
        ("docs/.hid/y.md", 0, "hidden"),
        ("docs/bad.md", 0, "it cannot be read: front matter"),
        ("docs/loop", 0, "link"),
        ("nowhere", 0, "it does not exist"),
        (b"\xff\n.md", 0, "\\xff\n.md: it does not exist"),
    ):
        done = run("why-skipped", name, cwd=work)
        assert done.returncode == code, done
        assert reason in done.stdout.decode()
    done = run("why-skipped", "docs/a.md", "--root", "docs", "--exclude", "a.*", cwd=work)
    assert done.stdout.startswith(b"docs/a.md: it matches --exclude a.*")
    done = run("why-skipped", "docs/a.md", "--include", "*.py", cwd=work)
    assert b"it does not match --include *.py" in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="files have no owner there")
@pytest.mark.parametrize("what", ["owner", "database", "link"])
def test_an_index_of_somebody_else_is_not_found(run, copied, monkeypatch, what):
    """As in git: one in a folder above could take private texts, or answer with anything."""
    place = copied / ".simile"
    if what == "link":
        place.rename(copied / "elsewhere")
        place.symlink_to("elsewhere")
    else:
        path = place if what == "owner" else place / "index.sqlite"
        if os.geteuid() == 0:
            os.chown(path, 65534, 65534)
        else:
            monkeypatch.setattr(os, "geteuid", lambda: 65533)
    for arguments in (["search", "cat"], ["index", "docs"], ["status"]):
        message = said(run(*arguments, cwd=copied / "docs"))
        assert "was found above" in message and "-i " in message
    assert run("search", "cat", "-i", copied / ".simile", cwd=copied / "docs").returncode == 0
