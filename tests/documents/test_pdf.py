"""PDF through a real child process, and the limits that it runs under."""

import os
import zlib
from pathlib import Path

import pytest

from simile.documents import FileLimits, LoadFailure, chunk, load
from simile.documents.pdf import run_child
from simile.errors import InputError, MissingExtraError
from simile.extras import optional
from simile.types import Document

from .files import pdf
from .texts import count_tokens

pytest.importorskip("pypdfium2")


def test_pages_keep_their_offsets(tmp_path):
    (tmp_path / "a.pdf").write_bytes(pdf("First page.", "Second page."))
    (document,) = load(tmp_path / "a.pdf", root=tmp_path)
    assert document == Document(
        "a.pdf", "First page.\n\nSecond page.", "A title", pages=(0, len("First page.") + 2)
    )
    parts = chunk(document, count_tokens=count_tokens, min_tokens=1)
    assert [(part.text, part.page) for part in parts] == [("First page.", 1), ("Second page.", 2)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Failed to load"),
        (b"%PDF-1.4 broken", "Failed to load"),
        (pdf(""), "no text"),
        (pdf("Text", padding=b"% " + b"x" * 4000 + b"\n"), "limit"),
    ],
)
def test_what_cannot_be_read_is_a_record(tmp_path, content, reason):
    (tmp_path / "a.pdf").write_bytes(content)
    limits = FileLimits(max_bytes=3_000)
    (failure,) = load(tmp_path / "a.pdf", limits=limits)
    assert isinstance(failure, LoadFailure)
    assert reason in failure.reason


def test_more_text_than_the_limit_is_a_reason(tmp_path):
    from simile.documents import pdf as module

    path = tmp_path / "a.pdf"
    path.write_bytes(pdf("A long text. " * 10))
    program = Path(module.__file__).with_name("pdf_child.py")
    with pytest.raises(InputError, match="longer than 100 characters"):
        run_child(program, path, FileLimits(max_bytes=100))


def child(tmp_path, body):
    program = tmp_path / "child.py"
    program.write_text(body, encoding="utf-8")
    return program


def test_a_child_that_hangs_is_stopped(tmp_path):
    program = child(tmp_path, "while True: pass")
    with pytest.raises(InputError, match=r"more than 0.3 s"):
        run_child(program, tmp_path / "x", FileLimits(child_seconds=0.3))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limit")
def test_a_child_that_wants_too_much_memory_fails_alone(tmp_path):
    body = (
        "import sys; sys.path.insert(0, {folder!r}); import pdf_child\n"
        "pdf_child.read = lambda *_: {{'pages': [len(bytearray(2**30))]}}\n"
        "sys.exit(pdf_child.main(*sys.argv[1:]))"
    )
    from simile.documents import pdf as module

    program = child(tmp_path, body.format(folder=str(Path(module.__file__).parent)))
    with pytest.raises(InputError, match="out of memory"):
        run_child(program, tmp_path / "x", FileLimits(child_bytes=2**28))


@pytest.mark.skipif(os.name == "nt", reason="signals need POSIX")
def test_a_child_that_crashes_is_a_reason(tmp_path):
    program = child(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(InputError, match="status -9"):
        run_child(program, tmp_path / "x", FileLimits())


def test_a_missing_library_names_its_extra():
    with pytest.raises(MissingExtraError, match=r"pip install 'simile\[pdf\]'"):
        optional("no_such_library", extra="pdf")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limit")
def test_a_bomb_is_a_record(tmp_path):
    """Three kilobytes, half a gigabyte once unpacked twice."""
    packer = zlib.compressobj(9)
    blank = b" " * 2**20
    stream = zlib.compress(b"".join(packer.compress(blank) for _ in range(512)) + packer.flush(), 9)
    (tmp_path / "a.pdf").write_bytes(
        b"%%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"
        b"2 0 obj\n<< /Type /Pages /Kids [3 0 R] /Count 1 >>\nendobj\n"
        b"3 0 obj\n<< /Type /Page /Parent 2 0 R /Contents 4 0 R >>\nendobj\n"
        b"4 0 obj\n<< /Length %d /Filter [/FlateDecode /FlateDecode] >>\nstream\n"
        % len(stream)
        + stream
        + b"\nendstream\nendobj\ntrailer << /Root 1 0 R >>\n%%EOF"
    )
    (tmp_path / "sound.pdf").write_bytes(pdf("Text."))
    limits = FileLimits(child_bytes=2**28)
    assert [type(found) for found in load(tmp_path / "sound.pdf", limits=limits)] == [Document]
    (failure,) = load(tmp_path / "a.pdf", limits=limits)
    assert isinstance(failure, LoadFailure)
    assert "256 MiB" in failure.reason or "memory" in failure.reason
