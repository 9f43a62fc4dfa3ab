"""Which files a sync finds, and what `simile.toml` says of them."""

import os
import time
from pathlib import Path

import pytest
from tests.fake import FakeEmbedder
from tests.retrieval.syncing import counts, texts, write

from simile.errors import ConfigError, InputError
from simile.index import Index

HR = '[[documents]]\nmatch = "hr/**"\nacl = ["group:hr"]\nmetadata = {team = "hr", year = 2020}\n'


@pytest.fixture
def index(tmp_path):
    with Index(tmp_path / "index", embedder=FakeEmbedder(dim=16)) as index:
        yield index


@pytest.fixture
def closed():
    """Close files and folders to us, until the test ends; skips where we may read everything."""
    folders: list[Path] = []

    def close(path: Path, mode: int = 0) -> None:
        folders.append(path)
        path.chmod(mode)
        if os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0)):
            pytest.skip("root may read everything")

    yield close
    for folder in reversed(folders):
        folder.chmod(0o700)


def known(index):
    """Access list and metadata of each document."""
    return {d.id: (tuple(d.acl), dict(d.metadata)) for d in index.documents(everything=True)}


PUBLIC = ("public",)


class TestRules:
    """Precedence: the file itself, then later rules, then earlier ones, then --acl."""

    def test_a_rule_gives_access_list_and_metadata(self, index, tmp_path):
        docs = write(tmp_path / "docs", {"simile.toml": HR, "hr/a.md": "a", "b.md": "b"})
        index.sync(docs, include=["*.md"], default_acl=PUBLIC)
        assert known(index) == {
            "docs/hr/a.md": (("group:hr",), {"team": "hr", "year": 2020}),
            "docs/b.md": (PUBLIC, {}),
        }
        assert [hit.document_id for hit in index.search("a b")] == ["docs/b.md"]

    def test_later_rules_win_over_earlier_ones_and_all_over_acl(self, index, tmp_path):
        more = '[[documents]]\nmatch = "*.md"\nmetadata = {year = 2026, kind = "text"}\n'
        more += '[[documents]]\nmatch = "hr/open/"\nacl = ["group:all"]\n'
        files = {"simile.toml": HR + more, "hr/a.md": "a", "hr/open/b.md": "b", "c.md": "c"}
        index.sync(write(tmp_path / "docs", files), acl=["user:z"], include=["*.md"])
        both = {"team": "hr", "year": 2026, "kind": "text"}
        assert known(index) == {
            "docs/hr/a.md": (("group:hr",), both),
            "docs/hr/open/b.md": (("group:all",), both),
            "docs/c.md": (("user:z",), {"year": 2026, "kind": "text"}),
        }

    def test_front_matter_and_rows_win_over_rules(self, index, tmp_path):
        files = {
            "simile.toml": HR,
            "hr/a.md": "---\nacl: [user:eve]\nyear: 1999\n---\ntext",
            "hr/r.ndjson": '{"id": "1", "text": "t", "acl": ["user:bob"], "team": null}\n'
            '{"id": "2", "text": "t"}',
        }  # fmt: skip
        index.sync(write(tmp_path / "docs", files))
        found = known(index)
        assert found["docs/hr/a.md"] == (("user:eve",), {"team": "hr", "year": 1999})
        assert found["1"] == (("user:bob",), {"team": None, "year": 2020})
        assert found["2"] == (("group:hr",), {"team": "hr", "year": 2020})

    def test_a_changed_rule_is_noticed_though_no_file_changed(self, index, tmp_path):
        docs = write(tmp_path / "docs", {"hr/a.md": "a", "b.md": "b"})
        index.sync(docs)
        for rules, acl, changed in (
            (HR, ("group:hr",), 1),
            (HR, ("group:hr",), 0),
            (HR.replace("group:hr", "user:x"), ("user:x",), 1),
            ("", PUBLIC, 1),
        ):
            write(docs, {"simile.toml": rules})
            report = index.sync(docs, include=["*.md"], default_acl=PUBLIC)
            assert counts(report) == (0, changed, 0, 2 - changed)
            assert known(index)["docs/hr/a.md"][0] == acl
            assert report.embedded == 0, "only the list changed"

    def test_a_changed_acl_option_is_noticed(self, index, tmp_path):
        docs = write(tmp_path / "docs", {"a.md": "a"})
        index.sync(docs)
        index.sync(docs, acl=["group:b", "group:a"])
        assert known(index)["docs/a.md"][0] == ("group:a", "group:b")
        assert counts(index.sync(docs, acl=["group:a", "group:b"])) == (0, 0, 0, 1)

    @pytest.mark.parametrize(
        ("text", "said"),
        [("[[documents]]\nacl = ['x']", "rule 1: match"), (HR + "[[documents]]", "rule 2: match"),
         ("[[documents]]\nmatch = 'a'\nacl = []", "rule 1: acl"), ("x = ", "is not TOML"),
         ("[documents]\n", "documents"), ("[[document]]\nmatch = 'a'", "document: expected"),
         ("[[documents]]\nmatch = 'a'\nacls = ['x']", "rule 1"),
         ("[[documents]]\nmatch = 'a'\nmetadata = {x = [1]}", "rule 1: metadata"),
         ("[[documents]]\nmatch = '!!['\nacl = 'x'", "rule 1: acl")],
    )  # fmt: skip
    def test_what_cannot_be_read_is_an_error_that_names_the_place(
        self, index, tmp_path, text, said
    ):
        docs = write(tmp_path / "docs", {"a.md": "a"})
        index.sync(docs)
        write(docs, {"simile.toml": text})
        with pytest.raises(ConfigError) as failure:
            index.sync(docs)
        assert str(docs / "simile.toml") in str(failure.value) and said in str(failure.value)
        assert set(texts(index)) == {"docs/a.md"}

    def test_rules_are_those_of_the_nearest_folder_up_to_the_index(self, index, tmp_path):
        files = {"simile.toml": '[[documents]]\nmatch = "docs/deep/"\nacl = ["group:top"]\n',
                 "docs/deep/a.md": "a", "docs/b.md": "b"}  # fmt: skip
        write(tmp_path, files)
        index.sync(tmp_path / "docs" / "deep")
        assert known(index)["docs/deep/a.md"][0] == ("group:top",)
        write(tmp_path / "docs", {"simile.toml": '[[documents]]\nmatch = "*"\nacl = ["g:near"]\n'})
        for path in ("docs/deep", "docs", "docs/deep/a.md"):
            index.sync(tmp_path / path)
            assert known(index)["docs/deep/a.md"][0] == ("g:near",), path

    def test_rules_above_the_index_and_the_working_folder_count_nothing(
        self, tmp_path, monkeypatch
    ):
        write(tmp_path, {"simile.toml": '[[documents]]\nmatch = "*"\nacl = ["stranger"]\n',
                         "work/docs/a.md": "a", "elsewhere/x.md": "x"})  # fmt: skip
        monkeypatch.chdir(tmp_path / "work" / "docs")
        with Index(tmp_path / "work" / "index", embedder=FakeEmbedder()) as index:
            index.sync([tmp_path / "work" / "docs", tmp_path / "elsewhere"])
            assert {acl for acl, _ in known(index).values()} == {PUBLIC}

    def test_rules_of_the_working_folder_count(self, tmp_path, monkeypatch):
        write(tmp_path / "work", {"simile.toml": '[[documents]]\nmatch = "*"\nacl = ["us"]\n',
                                  "docs/a.md": "a"})  # fmt: skip
        monkeypatch.chdir(tmp_path / "work")
        with Index(tmp_path / "index", embedder=FakeEmbedder()) as index:
            index.sync("docs")
            assert known(index)["work/docs/a.md"][0] == ("us",)


class TestUnreadable:
    """What cannot be looked at is reported, and keeps what it had."""

    @pytest.mark.parametrize("mode", [0o000, 0o300, 0o400])
    def test_a_folder_that_cannot_be_listed_keeps_what_it_had(self, index, tmp_path, closed, mode):
        docs = write(tmp_path / "docs", {"a.md": "a", "sub/b.md": "b", "sub/deep/c.md": "c"})
        index.sync(docs)
        (docs / "a.md").unlink()
        closed(docs / "sub", mode)
        report = index.sync(docs)
        assert set(texts(index)) == {"docs/sub/b.md", "docs/sub/deep/c.md"}
        assert report.removed == 1 and report.failures
        assert all(failure.path.startswith("docs/sub") for failure in report.failures)

    def test_a_root_behind_a_closed_folder_is_an_error(self, index, tmp_path, closed):
        docs = write(tmp_path / "docs", {"sub/b.md": "b"})
        index.sync(docs)
        closed(docs)
        with pytest.raises(InputError, match="Permission denied"):
            index.sync(docs / "sub")
        assert len(index.sync(docs).failures) == 1
        assert set(texts(index)) == {"docs/sub/b.md"}

    def test_a_file_that_cannot_be_read_keeps_what_it_had(self, index, tmp_path, closed):
        docs = write(tmp_path / "docs", {"a.md": "a", "b.md": "b"})
        index.sync(docs)
        write(docs, {"a.md": "changed", "b.md": "changed"})
        closed(docs / "a.md")
        report = index.sync(docs)
        assert [failure.path for failure in report.failures] == ["docs/a.md"]
        assert texts(index) == {"docs/a.md": "a", "docs/b.md": "changed"}


class TestDryRun:
    """It says what would happen, and nothing happens."""

    def test_nothing_is_written_not_even_the_folder(self, index, tmp_path):
        docs = write(tmp_path / "docs", {"a.md": "a"})
        assert counts(index.sync(docs, dry_run=True)) == (1, 0, 0, 0)
        assert not (tmp_path / "index").exists()
        assert not (tmp_path / "simile-home").exists()

    def test_it_says_what_the_sync_then_does(self, index, tmp_path):
        docs = write(tmp_path / "docs", {"a.md": "a", "b.md": "b", "c.md": "c"})
        index.sync(docs)
        write(docs, {"a.md": "new", "d.md": "d"})
        (docs / "b.md").unlink()
        before = index._resources.store().meta()
        told: list[tuple[str, str]] = []
        done: list[tuple[str, str]] = []
        dry = index.sync(docs, dry_run=True, changed=lambda c: told.append((c.sign, c.id)))
        assert index._resources.store().meta() == before and len(texts(index)) == 3
        wet = index.sync(docs, changed=lambda c: done.append((c.sign, c.id)))
        assert told == done == [("~", "docs/a.md"), ("+", "docs/d.md"), ("-", "docs/b.md")]
        assert counts(dry) == counts(wet)

    def test_an_unknown_path_is_an_error_all_the_same(self, index, tmp_path):
        with pytest.raises(InputError, match="nowhere"):
            index.sync(tmp_path / "nowhere", dry_run=True)


class TestOddFiles:
    """Nothing that lies in a folder stops a sync."""

    @pytest.mark.parametrize(
        ("content", "text"),
        [(b"", ""), (b"\xef\xbb\xbf", ""), (b" \n\n", " \n\n"), (b"a\r\nb\r\n", "a\r\nb\r\n"),
         (b"a\xff\xfeb", "a\ufffd\ufffdb"), ("\ufeffü".encode(), "ü"),
         ("ä".encode("utf-16"), "ä"), (b"a\rb", "a\rb")],
    )  # fmt: skip
    def test_a_text_is_kept_as_it_is(self, index, tmp_path, content, text):
        docs = write(tmp_path / "docs", {"a.txt": content})
        assert counts(index.sync(docs)) == (1, 0, 0, 0)
        assert texts(index) == {"docs/a.txt": text}
        assert counts(index.sync(docs)) == (0, 0, 0, 1) and index.check().problems == ()

    def test_a_line_of_a_megabyte_is_cut(self, index, tmp_path):
        docs = write(tmp_path / "docs", {"a.txt": "word " * 100_000, "b.txt": "x" * 500_000})
        report = index.sync(docs)
        assert counts(report) == (2, 0, 0, 0) and report.chunks >= 250
        for document in index.documents():
            for chunk in index._resources.store().document_chunks(document.id):
                assert document.text[chunk.chunk.start : chunk.chunk.end] == chunk.chunk.text

    def test_a_huge_file_is_reported_at_once(self, index, tmp_path):
        docs = write(tmp_path / "docs", {"a.txt": "fine", "huge.txt": "text " * 2000})
        with (docs / "huge.txt").open("r+b") as file:
            file.truncate(200 * 2**20)
        begin = time.process_time()  # Of the processor: what else runs does not count.
        report = index.sync(docs)
        assert report.added == 1 and time.process_time() - begin < 5
        [failure] = report.failures
        assert (
            failure.path == "docs/huge.txt" and "200.0 MiB is more than the limit" in failure.reason
        )

    def test_a_folder_without_a_readable_file(self, index, tmp_path):
        docs = write(tmp_path / "docs", {"image.png": b"\x89PNG\0\0", ".hidden": "x"})
        (docs / "empty").mkdir()
        assert counts(index.sync(docs)) == (0, 0, 0, 0) and texts(index) == {}

    def test_links_in_circles_end(self, index, tmp_path):
        docs = write(tmp_path / "docs", {"a.md": "a", "sub/b.md": "b"})
        (docs / "sub" / "up").symlink_to(docs, target_is_directory=True)
        (docs / "self").symlink_to(docs / "self")
        (docs / "nothing").symlink_to(tmp_path / "nothing")
        report = index.sync(docs)
        assert set(texts(index)) == {"docs/a.md", "docs/sub/b.md"} and report.failures == ()
        with pytest.raises(InputError):
            index.sync(docs / "self")

    def test_what_is_no_regular_file_is_no_failure(self, index, tmp_path):
        docs = write(tmp_path / "docs", {"a.md": "a"})
        os.mkfifo(docs / "pipe.md")
        assert counts(index.sync(docs)) == (1, 0, 0, 0)
        assert len(index.sync(docs / "pipe.md").failures) == 1

    def test_names_of_any_bytes_are_ids(self, index, tmp_path):
        docs = write(tmp_path / "docs", {"two\nlines.md": "a", "ü \"'$.md": "b"})
        odd = Path(os.fsdecode(os.fsencode(docs) + b"/\xff\xfe"))
        odd.mkdir()
        (odd / os.fsdecode(b"\x80.md")).write_text("c", "utf-8")
        expected = {"docs/two\nlines.md", "docs/ü \"'$.md", "docs/\\xff\\xfe/\\x80.md"}
        assert counts(index.sync(docs)) == (3, 0, 0, 0) and set(texts(index)) == expected
        assert counts(index.sync(odd)) == (0, 0, 0, 1), "the name is the same from below"
        (odd / os.fsdecode(b"\x80.md")).unlink()
        assert counts(index.sync(odd)) == (0, 0, 1, 0)

    def test_a_file_that_becomes_a_folder_and_back(self, index, tmp_path):
        docs = write(tmp_path / "docs", {"a": "file"})
        index.sync(docs)
        (docs / "a").unlink()
        write(docs, {"a/b": "inside"})
        assert counts(index.sync(docs)) == (1, 0, 1, 0)
        assert texts(index) == {"docs/a/b": "inside"}
        (docs / "a" / "b").unlink()
        (docs / "a").rmdir()
        write(docs, {"a": "file"})
        assert counts(index.sync(docs)) == (1, 0, 1, 0)

    def test_a_file_named_itself_is_read_though_a_folder_would_skip_it(self, index, tmp_path):
        docs = write(tmp_path / "docs", {".hidden.md": "h", "a.md": "a", ".gitignore": "a.md"})
        assert counts(index.sync(docs)) == (0, 0, 0, 0)
        assert counts(index.sync([docs / "a.md", docs / ".hidden.md"])) == (2, 0, 0, 0)
