"""Which `simile.toml` holds for a file: the same ones, whichever folder above it is named."""

import pytest
from tests.fake import FakeEmbedder
from tests.retrieval.syncing import write

from simile.errors import ConfigError, InputError, StoreError
from simile.index import Index

ALL_TO = '[[documents]]\nmatch = "**"\nacl = ["{}"]\n'


@pytest.fixture
def index(tmp_path):
    with Index(tmp_path / "index", embedder=FakeEmbedder(dim=16)) as index:
        yield index


def lists(index):
    return {d.id: tuple(d.acl) for d in index.documents(everything=True)}


def test_rules_of_a_folder_within_hold_when_the_folder_above_is_named(index, tmp_path):
    docs = write(tmp_path / "docs", {"hr/simile.toml": ALL_TO.format("group:hr"), "hr/a.md": "a"})
    for path in (docs / "hr", docs, docs / "hr" / "a.md", tmp_path):
        index.sync(path, include=["*.md"])
        assert lists(index) == {"docs/hr/a.md": ("group:hr",)}, path
    assert index.search("a") == []


def test_rules_above_the_working_folder_hold_up_to_the_index(index, tmp_path, monkeypatch):
    files = {"simile.toml": ALL_TO.format("group:top"), "docs/a.md": "a"}
    write(tmp_path, files)
    monkeypatch.chdir(tmp_path / "docs")
    index.sync(".")
    assert lists(index) == {"docs/a.md": ("group:top",)}


def test_a_nearer_rule_that_names_no_list_publishes_nothing(index, tmp_path):
    files = {
        "simile.toml": ALL_TO.format("group:top"),
        "hr/simile.toml": '[[documents]]\nmatch = "*"\nmetadata = {team = "hr"}\n',
        "hr/a.md": "a",
        "open/simile.toml": ALL_TO.format("public"),
        "open/b.md": "b",
    }
    index.sync(write(tmp_path / "docs", files))
    assert lists(index) == {"docs/hr/a.md": ("group:top",), "docs/open/b.md": ("public",)}


@pytest.mark.parametrize("match", ["!", "!hr/**", "#hr", "[", "/", "\\\\", "[z-a]"])
def test_a_rule_that_nothing_can_match_is_an_error(index, tmp_path, match):
    rule = f'[[documents]]\nmatch = "{match}"\nacl = ["group:hr"]\n'
    docs = write(tmp_path / "docs", {"simile.toml": rule, "hr/a.md": "a"})
    with pytest.raises(ConfigError, match="rule 1: match"):
        index.sync(docs)


@pytest.mark.parametrize("globs", [["!"], ["\\"], ["[z-a]"], "*.md", [5]])
def test_what_is_no_glob_is_an_error_that_says_so(index, tmp_path, globs):
    docs = write(tmp_path / "docs", {"a.md": "a"})
    for option in ("include", "exclude"):
        with pytest.raises(InputError, match="glob"):
            index.sync(docs, **{option: globs})


def test_the_indexs_own_files_are_not_indexed_wherever_it_lies(tmp_path):
    docs = write(tmp_path / "docs", {"a.md": "apple", "vectors-intro.md": "pear"})
    with Index(docs, embedder=FakeEmbedder(dim=16)) as index:
        for _ in range(3):
            index.sync(docs)
            assert set(lists(index)) == {"docs/a.md", "docs/vectors-intro.md"}
        index.check(repair=True)
        index.reindex()
    assert (docs / "vectors-intro.md").read_text() == "pear"


def test_a_folder_of_somebody_else_is_not_removed_by_a_reindex(tmp_path):
    docs = write(tmp_path / "docs", {"a.md": "apple", "aside/mine.md": "pear", "inverted-x/b": "b"})
    with Index(docs, embedder=FakeEmbedder(dim=16)) as index:
        index.sync(docs)
        with pytest.raises(StoreError, match="not part of an index"):
            index.reindex()
    assert (docs / "aside" / "mine.md").read_text() == "pear"
    assert (docs / "inverted-x" / "b").read_text() == "b"


def test_a_dry_run_does_not_keep_the_language(tmp_path):
    docs = write(tmp_path / "docs", {"a.md": "apple"})
    with Index(tmp_path / "index", embedder=FakeEmbedder(dim=16)) as index:
        index.sync(docs)
    with Index(tmp_path / "index", embedder=FakeEmbedder(dim=16), language="german") as index:
        index.sync(docs, dry_run=True)
    with Index(tmp_path / "index") as index:
        assert index.stats().language == "english"
