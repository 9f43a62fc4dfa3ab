"""`simile search`: data for programs on a pipe, `path:line` for people on a terminal."""

import os
import subprocess
import sys
from dataclasses import fields

import orjson
import pytest
from tests.retrieval.syncing import write

from simile.types import Hit


@pytest.fixture(scope="module")
def work(tmp_path_factory, simile):
    work = tmp_path_factory.mktemp("work")
    write(work, {
        "docs/a.md": "---\nlang: en\nbig: 123456789012345678901234567890\n---\n# Pets\n\nthe cat",
        "docs/b.txt": "one\n\nblue sky\nand\nmore\nlines\nhere",
        "docs/hr/c.md": "the secret cat",
        "docs/simile.toml": '[[documents]]\nmatch = "hr/"\nacl = ["group:hr"]\n',
        "docs/gone.txt": "vanished grass",
    })  # fmt: skip
    done = simile(
        "index", "docs", "--include", "*.md", "--include", "*.txt", "-m", "tiny",
        "--default-acl", "public", cwd=work,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (work / "docs" / "gone.txt").unlink()
    return work


def hits(done):
    assert done.returncode == 0, done
    return [orjson.loads(line) for line in done.stdout.splitlines()]


def on_terminal(arguments, environ, cwd):
    """Output and exit code of a command whose stdout is a terminal."""
    import pty

    ours, its = pty.openpty()
    command = [sys.executable, "-m", "simile.cli.main", *arguments]
    with subprocess.Popen(command, stdout=its, stderr=its, env=environ, cwd=cwd) as process:
        os.close(its)
        parts = []
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # Linux says so at the end.
                break
            if not part:
                break
            parts.append(part)
    os.close(ours)
    return b"".join(parts).decode().replace("\r\n", "\n"), process.returncode


def test_a_line_has_the_fields_of_a_hit(simile, work):
    found = hits(simile("search", "cat", cwd=work))
    assert all(list(hit) == [field.name for field in fields(Hit)] for hit in found)
    [hit] = [hit for hit in found if hit["document_id"] == "docs/a.md"]
    assert hit["text"] == "# Pets\n\nthe cat"
    assert hit["lines"] == [5, 7] and hit["headings"] == ["Pets"]
    assert hit["metadata"]["lang"] == "en" and hit["metadata"]["big"] > 1e29
    assert hit["scores"].keys() == {"dense", "lexical", "fused"}


def test_options_reach_the_search(run, work):
    options = ["--mode", "lexical", "--explain", "--context", "1", "--per-document", "1"]
    [hit] = hits(run("search", "cat", "--filter", "lang = 'en'", *options, cwd=work))
    assert hit["scores"].keys() == {"lexical"} and hit["explanation"]["mode"] == "lexical"
    assert hit["context"]["text"] == hit["text"]
    found = hits(run("search", "cat", "--as", "group:hr", "--mode", "lexical", cwd=work))
    assert {hit["document_id"] for hit in found} == {"docs/a.md", "docs/hr/c.md"}
    options = ["--mode", "dense", "--collapse", "0.99", "--alpha", "1", "--fusion", "rrf"]
    assert len(hits(run("search", "cat", *options, "--rerank", "tiny", cwd=work))) >= 1


def test_the_query_may_come_from_stdin(run, work):
    done = run("search", "-", "--mode", "lexical", cwd=work, stdin=b"cat \xff\n")
    assert [hit["document_id"] for hit in hits(done)] == ["docs/a.md"]


def test_nothing_found_is_exit_code_1(run, work):
    done = run("search", "unheard", "--mode", "lexical", cwd=work)
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"simile: nothing found\n")


@pytest.mark.parametrize(
    "arguments",
    [[], [""], ["cat", "dog"], ["cat", "-k", "0"], ["cat", "-k", "x"], ["cat", "--filter", "x ="],
     ["cat", "--as", ""], ["cat", "--alpha", "2"], ["cat", "--mode", "best"], ["cat", "--nonsense"],
     ["cat", "--rerank", "no such model!"]],
)  # fmt: skip
def test_a_mistake_is_exit_code_2(run, work, arguments):
    done = run("search", *arguments, cwd=work)
    assert (done.returncode, done.stdout) == (2, b"") and b"Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_a_terminal_shows_path_and_line(work, environ):
    plain = environ | {"NO_COLOR": "1", "TERM": "dumb"}
    text, code = on_terminal(["search", "cat", "-k", "9", "--explain"], plain, work / "docs" / "hr")
    assert code == 0 and "secret" not in text
    places = [line.replace("\x1b[1m", "").replace("\x1b[0m", "") for line in text.splitlines()]
    assert any(
        line.startswith(f"{work}/docs/a.md:5  ") and line.endswith("Pets") for line in places
    )
    assert any(line.startswith("docs/gone.txt:1  ") for line in places), "its id, as it is gone"
    assert any(line.startswith("    mode = hybrid, ") for line in places)
    assert "    the cat" in places and "    lines" not in places
    text, _ = on_terminal(["search", "sky", "-k", "1", "--mode", "lexical"], plain, work)
    assert text.replace("\x1b[1m", "").startswith("docs/b.txt:1")
    text, _ = on_terminal(["search", "cat", "--json", "--mode", "lexical"], plain, work)
    assert orjson.loads(text)["document_id"] == "docs/a.md"
    text, code = on_terminal(["status"], plain, work)
    assert code == 0 and "documents    4\n" in text and "model        tiny\n" in text
    text, code = on_terminal(["index", "docs", "--dry-run"], plain, work)
    assert code == 0 and "- docs/gone.txt" in text
