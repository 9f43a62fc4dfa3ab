"""Silence publishes nothing where something is protected; what was said for a path stays said."""

import pytest
from tests.fake import FakeEmbedder
from tests.retrieval.syncing import write

from simile.errors import InputError
from simile.index import Index
from simile.types import Document

HR = "---\nacl: [group:hr]\n---\nsecret pay"
RULES = '[[documents]]\nmatch = "hr/"\nacl = ["group:hr"]\n'


@pytest.fixture
def index(tmp_path):
    with Index(tmp_path / "index", embedder=FakeEmbedder(dim=16)) as index:
        yield index


def lists(index):
    return {one.id: tuple(one.acl) for one in index.documents(everything=True)}


class TestDefault:
    @pytest.mark.parametrize(
        "files",
        [
            {"a.txt": "text", "z.md": HR},
            {"z.txt": "text", "a.md": HR},
            {"a.md": "text", "b.jsonl": '{"text": "x", "acl": ["group:hr"]}\n{"text": "y"}'},
            {"a.csv": "text,acl\none,\ntwo,group:hr\n"},
            {"simile.toml": RULES, "a.txt": "text", "hr/b.txt": "pay"},
        ],
    )
    def test_something_protected_beside_silence_asks_and_changes_nothing(
        self, index, tmp_path, files
    ):
        docs = write(tmp_path / "docs", files)
        for dry_run in (True, False):
            with pytest.raises(InputError, match="--default-acl public"):
                index.sync(docs, dry_run=dry_run)
        assert lists(index) == {}
        index.sync(docs, default_acl=["group:staff"])
        assert set(lists(index).values()) == {("group:hr",), ("group:staff",)}
        assert index.search("text pay one x") == []

    def test_the_answer_is_kept_and_can_be_changed(self, index, tmp_path):
        docs = write(tmp_path / "docs", {"a.txt": "text", "b.md": HR})
        index.sync(docs, default_acl=["public"])
        index.sync(write(tmp_path / "docs", {"c.txt": "more"}))
        assert lists(index)["docs/c.txt"] == ("public",)
        assert index.sync(docs, default_acl=["group:staff"]).changed == 2
        assert lists(index) == {"docs/a.txt": ("group:staff",), "docs/b.md": ("group:hr",),
                                "docs/c.txt": ("group:staff",)}  # fmt: skip
        assert index.stats().default_acl == ("group:staff",)

    def test_later_syncs_ask_too(self, index, tmp_path):
        index.sync(write(tmp_path / "docs", {"a.txt": "text"}))
        hr = write(tmp_path / "hr", {"pay.md": HR})
        with pytest.raises(InputError, match=r"docs/a\.txt"):
            index.sync(hr)
        with pytest.raises(InputError, match=r"docs/a\.txt"):
            index.sync(hr, acl=["group:hr"])
        assert lists(index) == {"docs/a.txt": ("public",)} and index.stats().acl_by_path == {}

    def test_silence_after_something_protected_asks(self, index, tmp_path):
        index.sync(write(tmp_path / "hr", {"pay.txt": "pay"}), acl=["group:hr"])
        with pytest.raises(InputError, match=r"hr/pay\.txt"):
            index.sync(write(tmp_path / "docs", {"a.txt": "text"}))
        index.sync(tmp_path / "docs", acl=["public"])
        assert lists(index) == {"hr/pay.txt": ("group:hr",), "docs/a.txt": ("public",)}

    def test_what_is_all_protected_or_all_public_needs_no_answer(self, index, tmp_path):
        docs = write(tmp_path / "docs", {"a.txt": "text", "b.md": "---\nacl: [public]\n---\nx"})
        assert index.sync(docs).added == 2
        assert index.sync(docs, acl=["group:x"]).changed == 1
        assert index.sync(docs).unchanged == 2

    def test_programs_have_said_who_may_read(self, index, tmp_path):
        index.add([Document("a", "text"), Document("b", "pay", acl=["group:hr"])])
        with pytest.raises(InputError, match="'b' is protected"):
            index.sync(write(tmp_path / "docs", {"a.txt": "text"}))

    @pytest.mark.parametrize("acl", [[], [""], "public", ["a,b"], [5]])
    def test_what_is_no_list_is_an_error(self, index, tmp_path, acl):
        docs = write(tmp_path / "docs", {"a.txt": "text"})
        for given in ({"acl": acl}, {"default_acl": acl}):
            with pytest.raises(InputError):
                index.sync(docs, **given)


class TestPaths:
    def test_what_was_said_for_a_path_holds_when_a_folder_above_is_named(self, index, tmp_path):
        docs = write(tmp_path / "docs", {"hr/pay.txt": "pay", "hr/deep/x.txt": "x", "a.txt": "a"})
        index.sync(docs / "hr", acl=["group:hr"])
        index.sync(docs, default_acl=["public"])
        index.sync(docs / "hr" / "deep")
        assert lists(index) == {"docs/hr/pay.txt": ("group:hr",), "docs/a.txt": ("public",),
                                "docs/hr/deep/x.txt": ("group:hr",)}  # fmt: skip

    @pytest.mark.parametrize("spelling", ["hr/", "./hr", "hr/../hr", "hr//", "{}/hr", "link"])
    def test_other_spellings_of_a_path_are_the_path(self, index, tmp_path, monkeypatch, spelling):
        write(tmp_path, {"hr/pay.txt": "pay"})
        monkeypatch.chdir(tmp_path)
        (tmp_path / "link").symlink_to("hr")
        index.sync("hr", acl=["group:hr"])
        index.sync(spelling.format(tmp_path))
        index.sync(f"{spelling.format(tmp_path)}/pay.txt")
        assert set(lists(index).values()) == {("group:hr",)}

    def test_nearest_and_last_win_and_default_forgets(self, index, tmp_path):
        docs = write(tmp_path / "docs", {"a.txt": "a", "sub/b.txt": "b"})
        index.sync(docs, acl=["group:x"])
        index.sync(docs / "sub", acl=["group:y"])
        assert lists(index) == {"docs/a.txt": ("group:x",), "docs/sub/b.txt": ("group:y",)}
        index.sync(docs, acl=["group:z"])
        assert lists(index) == {"docs/a.txt": ("group:z",), "docs/sub/b.txt": ("group:y",)}
        index.sync(docs / "sub", acl=["default"])
        assert lists(index) == {"docs/a.txt": ("group:z",), "docs/sub/b.txt": ("group:z",)}
        assert index.stats().acl_by_path == {"docs": ("group:z",)}

    def test_rules_win_over_what_was_said_for_a_path(self, index, tmp_path):
        docs = write(tmp_path / "docs", {"simile.toml": RULES, "hr/a.txt": "a", "b.txt": "b"})
        index.sync(docs, acl=["public"])
        assert lists(index) == {"docs/hr/a.txt": ("group:hr",), "docs/b.txt": ("public",)}


class TestIds:
    @pytest.mark.parametrize("name", ["a.csv", "z.csv"])
    @pytest.mark.parametrize("together", [True, False])
    def test_a_row_cannot_take_the_id_of_a_file(self, index, tmp_path, name, together):
        docs = write(tmp_path / "docs", {"hr/pay.md": HR})
        if not together:
            index.sync(docs)
        write(docs, {name: "id,text\ndocs/hr/pay.md,harmless\n"})
        for path in (docs, docs / name):
            report = index.sync(path, default_acl=["public"])
            assert [one.path for one in report.failures] == [f"docs/{name}"]
            assert "docs/hr/pay.md" in report.failures[0].reason
        assert lists(index) == {"docs/hr/pay.md": ("group:hr",)}

    def test_not_even_before_the_file_was_ever_indexed(self, index, tmp_path):
        docs = write(tmp_path / "docs", {"hr/pay.md": HR, "a.csv": "id,text\ndocs/hr/pay.md,x\n"})
        assert len(index.sync(docs / "a.csv").failures) == 1
        assert lists(index) == {}
