"""Each format to documents, and what becomes of odd files."""

import io
import json
import os
import subprocess
import sys
import zipfile

import pytest
from hypothesis import given

from simile.documents import FileLimits, LoadFailure, chunk, load, load_stream
from simile.types import Document

from .texts import anything, count_tokens


@pytest.fixture
def loaded(tmp_path):
    def write_and_load(name, content, **options):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        found = list(load(path, root=tmp_path, **options))
        for document in found:
            if isinstance(document, Document):
                for part in chunk(document, count_tokens=count_tokens, max_tokens=30, min_tokens=5):
                    assert document.text[part.start : part.end] == part.text
        return found

    return write_and_load


@given(anything)
def test_text_and_code_stay_verbatim(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("verbatim") / "a.txt"
    path.write_bytes(text.encode())
    (document,) = load(path)
    if isinstance(document, Document):  # Text with a NUL is binary.
        assert document.text == text.removeprefix("\ufeff") or text[:1] in "\ufffe\ufeff"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_marks_are_honored(loaded, encoding):
    assert loaded("a.txt", "naïve 検索\r\n".encode(encoding)) == [
        Document("a.txt", "naïve 検索\r\n")
    ]


def test_broken_bytes_are_replaced(loaded):
    assert loaded("a.txt", b"ok \xff\xfe ok") == [Document("a.txt", "ok \ufffd\ufffd ok")]


def test_empty_files_are_empty_documents(loaded):
    for name in ["a.txt", "a.md", "a.csv", "a.json", "a.jsonl", "a.html"]:
        assert loaded(name, "") == [Document(name, "")]


def test_what_cannot_be_read_is_a_record(loaded, tmp_path):
    assert loaded("a.bin", b"\0\1") == [LoadFailure("a.bin", "a binary file; expected text")]
    assert list(load(tmp_path / "b", root=tmp_path)) == [LoadFailure("b", "no such file")]
    assert list(load(tmp_path, root=tmp_path.parent)) == [LoadFailure(tmp_path.name, "not a file")]


def test_a_file_beyond_the_limit_is_a_record(loaded):
    (failure,) = loaded("a.txt", "x" * 2**20, limits=FileLimits(max_bytes=2**19))
    assert isinstance(failure, LoadFailure)
    assert "1.0 MiB" in failure.reason


def test_front_matter_gives_title_acl_and_metadata_and_lines_stay(loaded):
    text = "---\ntitle: T\nacl: [user:a, group:b]\nyear: 2026\ntags: [x]\n---\n# Head\n\nBody\n"
    (document,) = loaded("a.md", text)
    assert (document.title, document.acl) == ("T", ("user:a", "group:b"))
    assert document.metadata == {"year": 2026, "tags": '["x"]'}
    (part,) = chunk(document, count_tokens=count_tokens)
    assert (part.text, part.lines) == ("# Head\n\nBody", (7, 9))


@pytest.mark.parametrize("block", ["acl: [", "acl: 7", "acl: []", "a: &x [1]\nb: *x"])
def test_front_matter_that_cannot_be_used_fails_rather_than_publish(loaded, block):
    (failure,) = loaded("a.md", f"---\n{block}\n---\nsecret")
    assert isinstance(failure, LoadFailure)


def test_a_rule_is_no_front_matter(loaded):
    text = "---\njust words\n---\nmore"
    assert loaded("a.md", text, acl=["user:a"]) == [Document("a.md", text, acl=("user:a",))]


def test_html_gives_visible_text_headings_and_title(loaded):
    pytest.importorskip("selectolax")
    (document,) = loaded(
        "a.html",
        "<title>T &amp; U</title><style>p{}</style><h2>Head</h2><p>One <b>two</b>,\n three<br>four"
        "<p hidden>no</p><script>bad()</script><ul><li>a<li>b</ul><pre>x\n  y</pre>end",
    )
    assert document.title == "T & U"
    assert document.text == "## Head\n\nOne two, three\nfour\n\n- a\n- b\n\nx\n  y\n\nend"


def test_html_in_another_charset_and_nested_deep(loaded):
    pytest.importorskip("selectolax")
    (document,) = loaded("a.html", '<meta charset="iso-8859-1"><p>naïve'.encode("latin-1"))
    assert document.text == "naïve"
    (document,) = loaded("b.html", "<div>" * 20_000 + "deep")
    assert document.text == "deep"


def test_docx_gives_headings_paragraphs_and_tables(loaded):
    docx = pytest.importorskip("docx")
    file = docx.Document()
    file.add_heading("Head", level=2)
    file.add_paragraph("Words.")
    table = file.add_table(rows=1, cols=2)
    table.cell(0, 0).text, table.cell(0, 1).text = "a", "b"
    file.core_properties.title = "T"
    buffer = io.BytesIO()
    file.save(buffer)
    (document,) = loaded("a.docx", buffer.getvalue())
    assert (document.title, document.text) == ("T", "## Head\n\nWords.\n\n| a | b |")


def test_docx_that_is_broken_or_a_bomb_is_a_record(loaded):
    pytest.importorskip("docx")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b" " * 2**21)
    limits = FileLimits(max_bytes=2**20)
    for content in [b"not a zip", buffer.getvalue()]:
        (failure,) = loaded("a.docx", content, limits=limits)
        assert isinstance(failure, LoadFailure)


def test_csv_rows_with_text_are_documents(loaded):
    content = 'id,title,text,acl,year\n7,T,"two\nlines","user:a, user:b",2026\n,,x,,\n'
    first, second = loaded("a.csv", content, acl=["group:g"])
    assert first == Document("7", "two\nlines", "T", {"year": 2026}, ("user:a", "user:b"))
    assert second == Document("a.csv#row 3", "x", acl=("group:g",))


def test_what_csv_writes_as_a_number_is_one(loaded):
    content = "id,text,year,price,zip,size,note\n7,x,2020,-1.50,02134,1e5,5 kg\n"
    [document] = loaded("a.csv", content)
    assert document.id == "7" and document.metadata == {
        "year": 2020, "price": -1.5, "zip": "02134", "size": "1e5", "note": "5 kg",
    }  # fmt: skip


def test_csv_without_text_is_one_text(loaded):
    assert loaded("a.csv", "a,b\n1,2\n") == [Document("a.csv", "a,b\n1,2\n")]


def test_ndjson_objects_are_documents_and_broken_lines_records(loaded):
    rows = [{"_id": 3, "title": "T", "text": "x", "metadata": {"a": 1}}, {"text": 5}]
    content = "\n".join([*map(json.dumps, rows), "{broken", '{"text": "y"}'])
    first, second, third, fourth = loaded("a.jsonl", content)
    assert first == Document("3", "x", "T", {"a": 1})
    assert isinstance(second, LoadFailure)
    assert second.path == "a.jsonl#line 2"
    assert isinstance(third, LoadFailure)
    assert "not JSON" in third.reason
    assert fourth == Document("a.jsonl#line 4", "y")


def test_json_is_objects_with_text_or_one_text(loaded):
    assert loaded("a.json", '[{"text": "x", "acl": "user:a"}]') == [
        Document("a.json#item 1", "x", acl=("user:a",))
    ]
    assert loaded("b.json", '{"text": "x"}') == [Document("b.json#item 1", "x")]
    for text in ['{"a": 1}', "{broken", "[]"]:
        assert loaded("c.json", text) == [Document("c.json", text)]


def test_an_acl_that_cannot_be_used_keeps_the_row_out(loaded):
    (failure,) = loaded("a.json", '[{"text": "secret", "acl": 5}]')
    assert isinstance(failure, LoadFailure)


def test_stdin_is_one_document():
    assert list(load_stream(io.BytesIO(b"words"))) == [Document("-", "words")]
    (failure,) = load_stream(io.BytesIO(b"words"), limits=FileLimits(max_bytes=2))
    assert isinstance(failure, LoadFailure)


def test_binary_data_on_stdin_is_a_record():
    (failure,) = load_stream(io.BytesIO(b"\0\1\2"))
    assert failure == LoadFailure("-", "binary data; expected text")


@pytest.mark.skipif(os.name == "nt", reason="such names need POSIX")
def test_strange_names_become_ids(tmp_path):
    path = tmp_path / "two\nlines.txt"
    path.write_bytes(b"x")
    assert next(load(path, root=tmp_path)) == Document("two\nlines.txt", "x")
    path = tmp_path / os.fsdecode(b"\xff.txt")
    try:
        path.write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes only UTF-8")
    assert next(load(path, root=tmp_path)) == Document("\\xff.txt", "x")


def test_the_libraries_of_the_formats_come_late():
    heavy = {"yaml", "selectolax", "docx", "lxml", "pypdfium2"}
    code = f"import sys, simile.documents; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
