"""PDF through a real child process, and the limits that it runs under."""

import os
import zlib

import pytest

from simile.documents import FileLimits, LoadFailure, chunk, load
from simile.documents.pdf import _pages
from simile.errors import MissingExtraError
from simile.extras import optional
from simile.types import Document

from .files import pdf
from .texts import count_tokens

pypdfium2 = pytest.importorskip("pypdfium2")


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
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf("A long text. " * 10))
    with pytest.raises(ValueError, match="longer than 100 characters"):
        _pages(pypdfium2.PdfDocument(path), 100)


def test_a_title_that_is_broken_costs_only_the_title(tmp_path):
    content = pdf("Body.").replace(b"(A title)", b"<FEFFD800>")
    (tmp_path / "a.pdf").write_bytes(content)
    (document,) = load(tmp_path / "a.pdf", root=tmp_path)
    assert isinstance(document, Document) and document.text == "Body."


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
