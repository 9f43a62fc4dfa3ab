"""Readers are other processes: what one hangs on or crashes at costs one file."""

import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Generator
from pathlib import Path
from threading import Thread
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simile.documents import FileLimits, LoadFailure, chunk, load, reader_pool
from simile.types import Document

from .files import docx, pdf
from .texts import count_tokens

BODY = (
    "import sys; sys.path.insert(0, sys.argv[1]); import simile.documents.reader_process as r\n"
    "before = r.load_here\n"
    "def load_here(path, *rest):\n"
    "    if 'bad' in path.name: {}\n"
    "    return before(path, *rest)\n"
    "r.load_here = load_here; r.main()"
)


@pytest.fixture
def behaving(monkeypatch):
    def behave(how):
        monkeypatch.setattr(reader_pool, "_PROGRAM", BODY.format(how))
        reader_pool.stop_all()

    yield behave
    reader_pool.stop_all()


def write(folder):
    for name in ("a.csv", "bad.csv", "c.csv"):
        (folder / name).write_text("text,n\none,1\n")
    return [folder / name for name in ("a.csv", "bad.csv", "c.csv")]


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("import time; time.sleep(60)", "more than"),
        ("1 / 0", "ended with status 1"),
        ("import os; os.kill(os.getpid(), 9)", "ended with status -9"),
        ("import ctypes; ctypes.string_at(0)", "ended with status -11"),
        ("import os; os.write(1, b'noise')", None),
        ("return iter([bytearray(2**33)])", "ended with status 1"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="statuses are those of POSIX")
def test_what_ends_a_reader_costs_one_file(tmp_path, behaving, how, reason):
    behaving(how)
    found = []
    for path in write(tmp_path):
        hangs = "sleep" in how and "bad" in path.name
        limits = FileLimits(child_seconds=1.0 if hangs else 60.0)
        found.append(next(iter(load(path, root=tmp_path, limits=limits))))
    assert [type(one) for one in found[::2]] == [Document, Document]
    if reason is None:
        assert isinstance(found[1], Document)
    else:
        assert isinstance(found[1], LoadFailure) and reason in found[1].reason


ANSWERS = [
    b"[[1]]",
    b"{}x",
    b"5",
    b'[{"reason": 1, "path": "p"}]',
    b'[{"id": "x"}]',
    b"[" * 100_000,
    b'[{"id": 1, "text": "t", "title": null, "metadata": {}, "acl": [], "pages": []}]',
    b'[{"id": "i", "text": "t", "title": null, "metadata": {}, "acl": "public", "pages": []}]',
    b'[{"id": "i", "text": "t", "title": null, "metadata": {"a": [1]}, "acl": [], "pages": []}]',
    b'[{"id": "i", "text": "t", "title": {}, "metadata": {}, "acl": [], "pages": ["x"]}]',
]


@pytest.mark.parametrize("answer", ANSWERS, ids=range(len(ANSWERS)))
def test_a_reader_that_was_taken_over_answers_documents_or_nothing(tmp_path, behaving, answer):
    behaving(f"r._send = lambda out, _: out.write(r.LENGTH.pack({len(answer)}) + {answer!r})")
    found = [one for path in write(tmp_path) for one in load(path, root=tmp_path)]
    assert [type(one) for one in found] == [Document, LoadFailure, Document]
    assert "no documents" in getattr(found[1], "reason", "")


def test_a_reader_is_kept_for_the_next_file(tmp_path):
    reader_pool.stop_all()
    for path in write(tmp_path):
        list(load(path))
        assert len(reader_pool._idle) == 1
    first = reader_pool._idle[0]
    rows = load(tmp_path / "a.csv")
    next(rows)
    cast("Generator[Any]", rows).close()  # in the middle: it cannot be used again
    assert reader_pool._idle == [] or reader_pool._idle[0] is not first


def test_a_reader_is_kept_though_its_parent_is_large(tmp_path):
    reader_pool.stop_all()
    large = bytearray(400 * 2**20)
    paths = write(tmp_path)
    list(load(paths[0]))
    first = reader_pool._idle[0]
    for path in paths * 3:
        list(load(path))
    assert reader_pool._idle == [first] and len(large) > 0


def test_a_long_table_is_streamed(tmp_path):
    path = tmp_path / "long.csv"
    path.write_text("text,n\n" + "".join(f"row {i} {'x' * 100},{i}\n" for i in range(20_000)))
    rows = load(path, root=tmp_path)
    assert getattr(next(rows), "text", "").startswith("row 0 ")
    assert sum(1 for _ in rows) == 19_999


def test_threads_have_readers_of_their_own(tmp_path):
    paths = write(tmp_path)
    found: list[Document | LoadFailure] = []
    threads = [Thread(target=lambda: found.extend(one for p in paths for one in load(p)))
               for _ in range(6)]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 18 and all(isinstance(one, Document) for one in found)
    assert len(reader_pool._idle) <= 4


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="asks /proc")
def test_a_reader_does_not_outlive_its_parent(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from simile.documents import load, reader_pool\n"
        "list(load(Path(sys.argv[1]))); print(reader_pool._idle[0]._process.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(write(tmp_path)[0])], capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL
    end = time.monotonic() + 30
    while os.path.exists(f"/proc/{int(done.stdout)}") and time.monotonic() < end:
        time.sleep(0.05)
    assert not os.path.exists(f"/proc/{int(done.stdout)}")


HOSTILE = {
    "php.html": b"<p>a<?php echo 1 ?>b",
    "import.html": b"<?import namespace = o ns = 'x' /><p>text",
    "undefined.html": b"<meta charset=undefined><p>text",
    "idna.html": b"<meta charset='idna'><p>text",
    "punycode.html": b"<meta charset='punycode'><p>t\xe9xt",
    "dates.md": b"---\nx: {2020-01-01: 1}\n---\ntext",
    "timestamp.md": b"---\nx: !!timestamp x\n---\ntext",
    "int.md": b"---\nx: " + b"9" * 5000 + b"\n---\ntext",
    "hex.md": b"---\nx: 0x" + b"f" * 5000 + b"\n---\ntext",
    "sexagesimal.md": b"---\nx: " + b"1:" * 3000 + b"1\n---\ntext",
    "brackets.md": b"---\nx: " + b"[" * 20_000 + b"\n---\ntext",
    "closed.md": b"---\nx: " + b"[" * 9_000 + b"]" * 9_000 + b"\n---\ntext",
    "python.md": b"---\nx: !!python/object/apply:os.system [ls]\n---\ntext",
    "binary.md": b"---\nx: !!binary ###\n---\ntext",
    "set.md": b"---\nx: !!set {[1]: 2}\n---\ntext",
    "merge.md": b"---\n<<: [{a: 1}, 5]\n---\ntext",
    "omap.md": b"---\nx: !!omap [1]\n---\ntext",
    "deep.toml.md": b"+++\nx = " + b"[" * 5000 + b"\n+++\ntext",
    "digits.toml.md": b"+++\nx = " + b"9" * 5000 + b"\n+++\ntext",
    "deep.json": b'{"text": ' + b"[" * 100_000,
    "digits.json": b'[{"text": "x", "n": ' + b"9" * 5000 + b"}]",
    "deep.jsonl": b'{"text": "x", "acl": ["a"], "m": {"acl"' + b':{"a"' * 5000 + b"\n",
    "field.csv": b"text\n" + b"x" * 300_000 + b"\n",
    "nul.csv": b"text\n" + b"x" * 9000 + b"\0\n",
    "deep.html": b"<div>" * 20_000 + b"text",
    "attributes.html": b"<p " + b" ".join(b"a%d=1" % i for i in range(10_000)) + b">text",
    "empty.docx": b"",
    "zip.docx": b"PK\x05\x06" + b"\0" * 18,
    "broken.pdf": b"%PDF-1.7\n1 0 obj\n<<",
}


def test_a_row_that_is_nested_deeply_costs_one_row(tmp_path):
    deep = '{"text": "x", "m": ' + "[" * 900 + "]" * 900 + "}\n"
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n' + deep + '{"text": "b"}\n')
    found = list(load(tmp_path / "a.jsonl"))
    assert [type(one) for one in found] == [Document, LoadFailure, Document]
    assert "nested too deeply" in getattr(found[1], "reason", "")


def test_a_number_of_thousands_of_digits_is_named(tmp_path):
    (tmp_path / "a.md").write_text(f"---\nx: 0x{'f' * 5000}\n---\ntext")
    failure = next(iter(load(tmp_path / "a.md")))
    assert isinstance(failure, LoadFailure) and "thousands of digits" in failure.reason


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_documents_or_one_line(tmp_path, name):
    (tmp_path / name).write_bytes(HOSTILE[name])
    for one in load(tmp_path / name, root=tmp_path):
        if isinstance(one, LoadFailure):
            assert "\n" not in one.reason and "Traceback" not in one.reason


@pytest.mark.parametrize(
    "block",
    ["[" * 20_000, "'" + "}" * 9_000 + "'\ny: " + "[" * 9_000, "[ # ]\n " * 9_000, "['}'," * 9_000],
    ids=["open", "closed before", "in comments", "in quotes"],
)
def test_front_matter_that_is_nested_deeply_is_refused_while_it_is_scanned(tmp_path, block):
    (tmp_path / "a.md").write_text(f"---\nx: {block}\n---\ntext")
    failure = next(iter(load(tmp_path / "a.md")))
    assert isinstance(failure, LoadFailure) and "nested too deeply" in failure.reason


@pytest.mark.parametrize(
    "body",
    [
        '<w:tbl><w:tr><w:tc><w:tcPr><w:gridSpan w:val="2000000000"/></w:tcPr><w:p/></w:tc></w:tr>'
        "</w:tbl>",
        "<w:p/>" * 300_000,
        "<w:tbl><w:tr><w:tc>" * 2_000 + "<w:p/>" + "</w:tc></w:tr></w:tbl>" * 2_000,
    ],
    ids=["wide", "long", "deep"],
)
def test_a_word_file_that_is_small_and_huge_ends(tmp_path, body):
    pytest.importorskip("docx")
    path = tmp_path / "a.docx"
    path.write_bytes(docx("Hello."))
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    main = parts["word/document.xml"].decode()
    parts["word/document.xml"] = main.replace("<w:body>", f"<w:body>{body}", 1).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    assert len(list(load(path, limits=FileLimits(child_bytes=2**29)))) == 1


SEEDS = {
    "a.md": b"---\ntitle: T\nacl: [group:a]\nn: {x: [1, 2020-01-01]}\n---\n# H\n\ntext\n\n```\nc\n",
    "a.html": b"<head><title>T</title></head><h1>H</h1><p>one<pre>x\ny</pre><table><td>c",
    "a.csv": b'id,text,acl,n\n1,"a ""q"", b",group:x,5\n2,c,,\n',
    "a.jsonl": b'{"id": "1", "text": "a", "acl": ["user:x"], "metadata": {"n": 1}}\n{"text": 1}\n',
    "a.json": b'[{"text": "a", "acl": "user:x"}, {"text": "b", "title": "T"}]',
    "a.txt": b"plain text\n\nsecond paragraph\n",
    "a.py": b"def f():\n    return 1\n\n\nclass A:\n    x = 2\n",
    "a.docx": docx("Hello."),
    "a.pdf": pdf("First page.", "Second."),
}


@st.composite
def mutated(draw, seed):
    data = bytearray(seed)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        kind = draw(st.sampled_from(["flip", "insert", "cut", "repeat"]))
        if kind == "flip" and at < len(data):
            data[at] = draw(st.integers(0, 255))
        elif kind == "insert":
            data[at:at] = draw(
                st.binary(max_size=8) | st.sampled_from([b"[", b"---\n", b'"', b"\0"])
            )
        elif kind == "cut":
            del data[at : at + draw(st.integers(1, 40))]
        else:
            data[at:at] = data[at : at + 20] * draw(st.integers(1, 30))
    return bytes(data)


@pytest.mark.parametrize("name", SEEDS)
def test_any_bytes_are_documents_or_failures(tmp_path_factory, name):
    folder = tmp_path_factory.mktemp("fuzz")

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(mutated(SEEDS[name]))
    def check(data):
        (folder / name).write_bytes(data)
        for one in load(folder / name, root=folder):
            assert isinstance(one, Document | LoadFailure)
            if isinstance(one, Document):
                for part in chunk(one, count_tokens=count_tokens):
                    assert one.text[part.start : part.end] == part.text

    check()


@pytest.mark.slow
@pytest.mark.parametrize("name", SEEDS)
def test_any_bytes_for_long(tmp_path_factory, name):
    folder = tmp_path_factory.mktemp("fuzz")

    @settings(max_examples=3000, deadline=None, suppress_health_check=list(HealthCheck))
    @given(mutated(SEEDS[name]))
    def check(data):
        (folder / name).write_bytes(data)
        for one in load(folder / name, root=folder):
            assert isinstance(one, Document | LoadFailure)

    check()
