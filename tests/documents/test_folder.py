"""Which files of a folder are read, in which order, and why the others are not."""

import os

import pytest

from simile.documents.folder import Folder


@pytest.fixture
def tree(tmp_path):
    def write(name, content="text"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    for name in ["b.md", "a.txt", "sub/c.md", "sub/deep/d.py", "build/out.txt", ".hidden/x.txt"]:
        write(name)
    write(".env")
    write("debug.log")
    write("sub/keep.log")
    write("image.png", b"\x89PNG\0\0")
    write("wide.txt", "wide".encode("utf-16"))
    write(".gitignore", "*.log\n/build/\n")
    write("sub/.gitignore", "!keep.log\n")
    return tmp_path


def names(folder):
    return [path.relative_to(folder.root).as_posix() for path in folder.files()]


def test_files_come_sorted_and_without_ignored_hidden_and_binary_ones(tree):
    folder = Folder(tree)
    expected = ["a.txt", "b.md", "wide.txt", "sub/c.md", "sub/keep.log", "sub/deep/d.py"]
    assert names(folder) == expected
    assert names(folder) == expected


def test_globs_include_and_exclude(tree):
    assert names(Folder(tree, include=["*.md"])) == ["b.md", "sub/c.md"]
    assert names(Folder(tree, exclude=["sub/"])) == ["a.txt", "b.md", "wide.txt"]
    assert "build/out.txt" in names(Folder(tree, gitignore=False))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("debug.log", ".gitignore ignores it"),
        ("build/out.txt", "build: "),
        (".env", "hidden"),
        (".hidden/x.txt", "hidden"),
        ("image.png", "binary"),
        ("missing.txt", "does not exist"),
        ("..", "is not in"),
    ],
)
def test_why_skipped_says_the_reason(tree, name, reason):
    path = tree.parent if name == ".." else tree / name
    assert reason in (Folder(tree).why_skipped(path) or "")


def test_why_skipped_agrees_with_files(tree):
    folder = Folder(tree, exclude=["deep/"])
    read = set(folder.files())
    for path in tree.rglob("*"):
        if path.is_file():
            assert (folder.why_skipped(path) is None) == (path in read), path


def test_the_gitignore_of_the_repository_around_holds(tree):
    (tree / ".git").mkdir()
    (tree / "sub" / "more.log").write_text("x", encoding="utf-8")
    assert "more.log" not in names(Folder(tree / "sub"))


@pytest.mark.skipif(os.name == "nt", reason="links and such names need POSIX")
def test_links_and_strange_names(tree):
    (tree / "sub" / "loop").symlink_to(tree)
    (tree / "nowhere").symlink_to(tree / "missing")
    (tree / "two\nlines.txt").write_text("x", encoding="utf-8")
    os.mkfifo(tree / "pipe")
    folder = Folder(tree)
    assert "two\nlines.txt" in names(folder)
    assert not any("loop" in name or name in ("nowhere", "pipe") for name in names(folder))
    special = {path.name: reason for path, reason in folder.special}
    assert special.keys() == {"loop", "nowhere", "pipe"}
    for name in ("sub/loop", "nowhere"):
        assert "link" in (folder.why_skipped(tree / name) or "")
    assert "not a regular file" in special["pipe"] == folder.why_skipped(tree / "pipe")


@pytest.mark.parametrize("line", ["!", "\\", "[z-a]"])
def test_a_line_of_gitignore_that_is_no_glob_does_not_undo_the_others(tmp_path, line):
    (tmp_path / ".gitignore").write_text(f"{line}\nsecret.txt\n")
    (tmp_path / "secret.txt").write_text("x")
    (tmp_path / "a.txt").write_text("x")
    assert names(Folder(tmp_path)) == ["a.txt"]
