"""Whatever looks like an attempt to say who may read is obeyed or refused, never ignored."""

import os
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fake import FakeEmbedder
from tests.retrieval.syncing import write

from simile.documents import LoadFailure, load
from simile.errors import ConfigError, InputError
from simile.index import Index

SECRET = "Salary of D. is 90k"
LIST = "acl: [group:hr]"
FRONT_MATTER = {
    "yaml": f"---\n{LIST}\n---\n{SECRET}",
    "dots": f"---\n{LIST}\n...\n{SECRET}",
    "text": f"---\nacl: group:hr, user:eve\n---\n{SECRET}",
    "quoted": f"---\n'acl': [group:hr]\n---\n{SECRET}",
    "block": f"---\nacl:\n  - group:hr\n---\n{SECRET}",
    "toml": f'+++\nacl = ["group:hr"]\n+++\n{SECRET}',
    "mark": f"\ufeff---\n{LIST}\n---\n{SECRET}",
    "crlf": f"---\r\n{LIST}\r\n---\r\n{SECRET}",
    "blank": f"\n---\n{LIST}\n---\n{SECRET}",
    "blanks": f" \n\t\n---\n{LIST}\n---\n{SECRET}",
    "comment": f"<!-- made -->\n---\n{LIST}\n---\n{SECRET}",
    "commented": f"<!-- {LIST} -->\n\n{SECRET}",
    "long comment": f"<!--\n{LIST}\n-->\n{SECRET}",
    "unclosed": f"---\n{LIST}\n\n{SECRET}",
    "unclosed, later": f"---\ntitle: x\n\n{LIST}\n\n{SECRET}",
    "four": f"----\n{LIST}\n----\n{SECRET}",
    "five": f"-----\n\n{LIST}\n\n-----\n{SECRET}",
    "named": f"---yaml\n{LIST}\n---\n{SECRET}",
    "json": f'{{\n"acl": ["group:hr"]\n}}\n\n{SECRET}',
    "semicolons": f";;;\n{LIST}\n;;;\n{SECRET}",
    "bare": f"{LIST}\n\n{SECRET}",
    "bare, second": f"Title: x\nACL: group:hr\n\n{SECRET}",
    "after": f"---\ntitle: x\n---\n{LIST}\n\n{SECRET}",
    "empty before": f"---\n---\n{LIST}\n---\n{SECRET}",
    "list": f"---\n- acl: [group:hr]\n---\n{SECRET}",
    "long": f"---\n{LIST}\nx: {'y' * 70_000}\n---\n{SECRET}",
    "empty": f"---\nacl:\n---\n{SECRET}",
    "null": f"---\nacl: null\n---\n{SECRET}",
    "no names": f"---\nacl: []\n---\n{SECRET}",
    "a blank": f"---\nacl: ' '\n---\n{SECRET}",
    "twice": f"---\n{LIST}\nacl: [public]\n---\n{SECRET}",
    "plural": f"---\nacls: [group:hr]\n---\n{SECRET}",
    "capital": f"---\nAcl: [group:hr]\n---\n{SECRET}",
    "capitals": f"---\nACL: [group:hr]\n---\n{SECRET}",
    "invisible": f"---\na\u200bcl: [group:hr]\n---\n{SECRET}",
    "wide": f"---\nａｃｌ: [group:hr]\n---\n{SECRET}",
    "other word": f"---\naccess: [group:hr]\n---\n{SECRET}",
    "readers": f"---\nreaders: group:hr\n---\n{SECRET}",
    "within": f"---\nmeta:\n  acl: [group:hr]\n---\n{SECRET}",
    "metadata": f"---\nmetadata: {{acl: [group:hr]}}\n---\n{SECRET}",
    "in a string": f'---\nacl: "[group:hr]"\n---\n{SECRET}',
    "mapping": f"---\nacl: {{read: [group:hr]}}\n---\n{SECRET}",
    "a blank within": f"---\nacl: [group: hr]\n---\n{SECRET}",
    "semicolon": f"---\nacl: group:hr;user:eve\n---\n{SECRET}",
    "old Mac": f"---\r{LIST}\r---\r{SECRET}",
    "separators": f"---\u2028{LIST}\u2028---\u2028{SECRET}",
    "wide colon": f"---\nacl\uff1a group:hr\n---\n{SECRET}",
    "number": f"---\nacl: 5\n---\n{SECRET}",
}
TABLES = {
    "a.csv": f"id,text,acl\n1,{SECRET},group:hr\n",
    "tab.tsv": f"id\ttext\tacl\n1\t{SECRET}\tgroup:hr\n",
    "tab.csv": f"id\ttext\tacl\n1\t{SECRET}\tgroup:hr\n",
    "semi.csv": f"id;text;acl\n1;{SECRET};group:hr\n",
    "pipe.csv": f"id|text|acl\n1|{SECRET}|group:hr\n",
    "sep.csv": f"sep=;\nid;text;acl\n1;{SECRET};group:hr\n",
    "caret.csv": f"id^text^acl\n1^{SECRET}^group:hr\n",
    "caps.csv": f"ID,Text,ACL\n1,{SECRET},group:hr\n",
    "quoted.csv": f'"id","text","acl"\n"1","{SECRET}","group:hr"\n',
    "blank.csv": f"\n\nid,text,acl\n1,{SECRET},group:hr\n",
    "content.csv": f"id,content,acl\n1,{SECRET},group:hr\n",
    "plural.csv": f"id,text,acls\n1,{SECRET},group:hr\n",
    "twice.csv": f"id,text,acl,acl\n1,{SECRET},group:hr,\n",
    "short.csv": f"id,text,acl\n1,{SECRET}\n",
    "quote.csv": f'id,acl,text\n1,public,"An unclosed\n2,group:hr,{SECRET}\n',
    "closed.csv": f'id,acl,text\n1,public,"An unclosed\n2,group:hr,{SECRET}"\n',
    "stray.csv": f'id,acl,text\n1,public,"a" b\n2,group:hr,{SECRET}\n',
    "a.jsonl": f'{{"text": "{SECRET}", "acl": ["group:hr"]}}\n',
    "comment.jsonl": f'// made\n{{"text": "{SECRET}", "acl": ["group:hr"]}}\n',
    "first.jsonl": f'{{"version": 1}}\n{{"text": "{SECRET}", "acl": "group:hr"}}\n',
    "comma.jsonl": f'{{"text": "{SECRET}", "acl": ["group:hr"],}}\n',
    "caps.jsonl": f'{{"text": "{SECRET}", "ACL": ["group:hr"]}}\n',
    "space.jsonl": f'{{"text": "{SECRET}", " acl ": ["group:hr"]}}\n',
    "twice.jsonl": f'{{"text": "{SECRET}", "acl": ["group:hr"], "acl": ["public"]}}\n',
    "escaped.jsonl": f'{{"text": "{SECRET}", "acl": ["group:hr"], "\\u0061cl": ["public"]}}\n',
    "null.jsonl": f'{{"text": "{SECRET}", "acl": null}}\n',
    "body.jsonl": f'{{"body": "{SECRET}", "acl": ["group:hr"]}}\n',
    "deep.jsonl": f'{{"text": "{SECRET}", "meta": {{"acl": ["group:hr"]}}}}\n',
    "a.json": f'[{{"text": "{SECRET}", "acl": ["group:hr"]}}]',
    "one.json": f'{{"text": "{SECRET}", "acl": ["group:hr"]}}',
    "nan.json": f'[{{"text": "{SECRET}", "acl": ["group:hr"], "x": NaN}}]',
    "trail.json": f'[{{"text": "{SECRET}", "acl": ["group:hr"]}},]',
    "within.json": f'{{"documents": [{{"text": "{SECRET}", "acl": ["group:hr"]}}]}}',
    "second.json": f'[{{"version": 1}}, {{"text": "{SECRET}", "acl": ["group:hr"]}}]',
    "single.json": f"[{{'text': '{SECRET}', 'acl': ['group:hr']}}]",
    "permissions.json": f'{{"body": "{SECRET}", "permissions": ["group:hr"]}}',
    "meta.html": f'<meta name="acl" content="group:hr"><p>{SECRET}</p>',
    "front.html": f"---\n{LIST}\n---\n<p>{SECRET}</p>",
    "front.txt": f"---\n{LIST}\n---\n{SECRET}",
    "field.rst": f":acl: group:hr\n\n{SECRET}",
    "header.csv": f'id,"text,acl\n1,{SECRET},group:hr\n',
    "comment.csv": f"# exported\nid,text,acl\n1,{SECRET},group:hr\n",
    "title.csv": f"Salaries;;\n\nid;text;acl\n1;{SECRET};group:hr\n",
    "notes.mdwn": f"---\n{LIST}\n---\n{SECRET}",
    "notes": f"---\n{LIST}\n---\n{SECRET}",
    "bare.txt": f"Acl: group:hr\n{SECRET}",
}


@pytest.fixture
def index(tmp_path):
    with Index(tmp_path / "index", embedder=FakeEmbedder(dim=16)) as index:
        yield index


def public_texts(path, name=None):
    found = [one for one in load(path) if not isinstance(one, LoadFailure)]
    return [one.text for one in found if "public" in one.acl]


@pytest.mark.parametrize("content", FRONT_MATTER.values(), ids=FRONT_MATTER)
def test_front_matter_is_obeyed_or_refused(tmp_path, content):
    (tmp_path / "a.md").write_bytes(content.encode())
    assert not any(SECRET in text for text in public_texts(tmp_path / "a.md"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("name", TABLES)
def test_tables_and_fields_are_obeyed_or_refused(tmp_path, name, encoding):
    (tmp_path / name).write_bytes(TABLES[name].encode(encoding))
    assert not any(SECRET in text for text in public_texts(tmp_path / name))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rule.md", "---\n\nAccess is open to all. See the acl below.\n\n---\nText"),
        ("readme.md", "<!-- badges -->\n<!-- more -->\n# Tool\n\n- acl: who may read\n"),
        ("docs.md", "# Lists\n\nWrite this:\n\n```yaml\n---\nacl: [group:hr]\n---\n```\n"),
        ("quoted.md", "---\n\n```\nacl: [group:hr]\n```\n"),
        ("prose.txt", "Permissions: ask the owner.\n\nMore."),
        ("package.json", '{"name": "x", "permissions": ["tabs"], "access": "public"}'),
        ("plain.csv", "name,access\nx,public\n"),
        ("quoted.csv", '"name","note"\n"x, y","a ""b"" c"\n'),
        ("quoted.tsv", '"name"\t"note"\n"x"\t"a; b"\n'),
        ("plain.jsonl", '{"name": "x", "visibility": "public"}\n'),
        ("page.html", "<meta name='viewport' content='x'><p>acl: none</p>"),
    ],
)
def test_ordinary_files_are_read(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    assert len(public_texts(tmp_path / name)) == 1


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=st.sampled_from(["acl", "Acl", "ACL", "acls", " acl", "acl ", "'acl'", '"acl"']),
    between=st.sampled_from([":", ": ", " : ", ":\t", " = ", ": \n  - "]),
    value=st.sampled_from(["group:hr", "[group:hr]", "['group:hr']", "group:hr, user:x", "", "~"]),
    above=st.sampled_from(["", "\n", "<!-- x -->\n", "title: y\n", "\t\n", "# z\n"]),
    marks=st.sampled_from(["---", "+++", "----", "--- ", "---yaml", "", ";;;", "- - -"]),
    end=st.sampled_from(["\n", "\r\n"]),
    closed=st.booleans(),
)
def test_no_slip_publishes(tmp_path_factory, name, between, value, above, marks, end, closed):
    lines = f"{above}{marks}\n{name}{between}{value}\n{marks if closed else ''}\n\n{SECRET}\n"
    path = tmp_path_factory.mktemp("slip") / "a.md"
    path.write_bytes(lines.replace("\n", end).encode())
    readable = any(SECRET in text for text in public_texts(path))
    heading_first = above == "# z\n"
    assert not readable or heading_first, "a heading before it makes it text"


def test_a_list_that_cannot_be_obeyed_takes_back_what_was_public(index, tmp_path):
    docs = write(tmp_path / "docs", {"a.md": SECRET, "b.jsonl": f'{{"text": "{SECRET} b"}}\n'})
    index.sync(docs)
    assert len(index.search("salary")) == 2
    write(docs, {"a.md": f"---\nacls: [group:hr]\n---\n{SECRET}",
                 "b.jsonl": f'{{"text": "{SECRET} b", "acl": 7}}\n'})  # fmt: skip
    report = index.sync(docs)
    assert len(report.failures) == 2 and report.removed == 2
    assert list(index.documents(everything=True)) == []


class TestRules:
    RULES = '[[documents]]\nmatch = "{}"\nacl = ["group:hr"]\n'

    @pytest.mark.parametrize(
        "match",
        ["hr/**", "./hr/**", "/hr/**", "hr/", "hr", "HR/**", "hr/*", "**/pay.txt", "[h]r/*"],
    )
    def test_a_rule_holds_for_its_files(self, index, tmp_path, match):
        files = {"simile.toml": self.RULES.format(match), "hr/pay.txt": SECRET, "x.txt": "x"}
        index.sync(write(tmp_path / "docs", files), default_acl=["public"])
        assert [hit.document_id for hit in index.search("salary")] == ["docs/x.txt"]

    @pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
    def test_names_match_in_either_form(self, index, tmp_path, forms):
        folder, match = (unicodedata.normalize(form, "Büro") for form in forms)
        files = {"simile.toml": self.RULES.format(f"{match}/**"), f"{folder}/pay.txt": SECRET}
        index.sync(write(tmp_path / "docs", files))
        assert index.search("salary") == []

    @pytest.mark.parametrize(
        "match",
        [r"hr\\**", "{hr,finance}/**", "../hr/**", "hr//pay.txt", "~/hr/**", "C:/hr", " hr/**",
         "hr/** ", "**/a/**/b/**/c", "a/" * 900],
    )  # fmt: skip
    def test_a_glob_that_means_something_elsewhere_is_refused(self, index, tmp_path, match):
        files = {"simile.toml": self.RULES.format(match), "hr/pay.txt": SECRET}
        with pytest.raises(ConfigError, match="rule 1"):
            index.sync(write(tmp_path / "docs", files))

    def test_a_rule_that_matches_nothing_is_named(self, index, tmp_path):
        files = {"simile.toml": self.RULES.format("hrr/**"), "hr/pay.txt": SECRET}
        [skipped] = index.sync(write(tmp_path / "docs", files)).skipped
        assert skipped.path == "docs/simile.toml" and "hrr/**" in skipped.reason

    @pytest.mark.skipif(os.name == "nt", reason="links need rights there")
    def test_a_way_through_a_link_evades_no_rule(self, index, tmp_path):
        files = {"simile.toml": self.RULES.format("hr/**"), "hr/pay.txt": SECRET, "x.txt": "x"}
        docs = write(tmp_path / "docs", files)
        (docs / "link.txt").symlink_to("hr/pay.txt")
        (docs / "shortcut").symlink_to("hr")
        for path in (docs, docs / "link.txt", docs / "shortcut", docs / "shortcut" / "pay.txt"):
            index.sync(path, default_acl=["public"])
            assert not any(SECRET in hit.text for hit in index.search("salary", k=99)), path

    @pytest.mark.parametrize("kind", ["dangling", "folder", "fifo", "device", "capitals"])
    @pytest.mark.skipif(os.name == "nt", reason="needs POSIX")
    def test_rules_that_cannot_be_read_stop_the_sync(self, index, tmp_path, kind):
        docs = write(tmp_path / "docs", {"hr/pay.txt": SECRET})
        place = docs / "simile.toml"
        if kind == "folder":
            place.mkdir()
        elif kind == "fifo":
            os.mkfifo(place)
        elif kind == "capitals":
            (docs / "Simile.toml").write_text(self.RULES.format("hr/**"))
        else:
            place.symlink_to("/dev/zero" if kind == "device" else "nowhere")
        with pytest.raises(ConfigError):
            index.sync(docs)
        assert index.search("salary") == []


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
class TestLinks:
    def test_links_are_named_and_skipped(self, index, tmp_path):
        write(tmp_path / "other", {"secret.txt": SECRET})
        docs = write(tmp_path / "docs", {"a.txt": "text a"})
        (docs / "out.txt").symlink_to(tmp_path / "other" / "secret.txt")
        (docs / "out").symlink_to(tmp_path / "other")
        os.mkfifo(docs / "pipe")
        os.mkfifo(docs / ".hidden-pipe")
        report = index.sync(docs)
        assert {one.path for one in report.skipped} == {"docs/out.txt", "docs/out", "docs/pipe"}
        assert [one.id for one in index.documents(everything=True)] == ["docs/a.txt"]

    def test_folders_of_links_are_walked_once(self, index, tmp_path):
        docs = write(tmp_path / "docs", {f"{i}/a.txt": f"text {i}" for i in range(22)})
        for i in range(21):
            for name in ("x", "y"):
                (docs / str(i) / name).symlink_to(docs / str(i + 1))
        assert index.sync(docs).added == 22

    def test_a_gitignore_that_cannot_be_read_hides_its_folder(self, index, tmp_path):
        docs = write(tmp_path / "docs", {"a.txt": "a", "sub/b.txt": SECRET})
        os.mkfifo(docs / "sub" / ".gitignore")
        report = index.sync(docs)
        assert [one.id for one in index.documents(everything=True)] == ["docs/a.txt"]
        assert any("sub" in one.path for one in report.skipped)

    def test_a_path_that_is_a_fifo_is_an_error(self, index, tmp_path):
        os.mkfifo(tmp_path / "pipe.txt")
        report = index.sync(tmp_path / "pipe.txt")
        assert len(report.failures) == 1 and "not a" in report.failures[0].reason


@pytest.mark.parametrize("name", ["a" * 1500, "group:[hr]", "a\u200bb", "a,b", "a\nb"])
def test_what_is_no_principal_is_refused(index, tmp_path, name):
    with pytest.raises(InputError):
        index.sync(write(tmp_path / "docs", {"a.txt": "a"}), acl=[name])
