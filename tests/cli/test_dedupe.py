"""`simile dedupe` and `simile suggest-threshold`."""

import json

import pytest

TEXTS = "one two three\nsomething else\none two three\n\none  two three\n"


def lines(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text(TEXTS, encoding="utf-8")
    return path


def test_lines_that_say_the_same_are_grouped(run, file, tmp_path):
    done = run("dedupe", "texts.txt", "--threshold", "1", "-m", "tiny", cwd=tmp_path)
    [group] = lines(done)
    assert group["keep"] == "1"
    assert [(one["id"], one["reason"]) for one in group["drop"]] == [("3", "exact"), ("5", "exact")]
    assert b"4 texts: keep 2, drop 2 in 1 group" in done.stderr


def test_all_names_what_is_alone_too(run, file, tmp_path):
    done = run("dedupe", "texts.txt", "--all", "--threshold", "1", "-m", "tiny", cwd=tmp_path)
    assert [line["keep"] for line in lines(done)] == ["1", "2"]


def test_another_threshold_needs_no_computing(run, file, tmp_path):
    first = run("dedupe", "texts.txt", "--save", "n.npz", "-m", "tiny", cwd=tmp_path)
    file.unlink()
    again = run("dedupe", "n.npz", "-o", "out.ndjson", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (0, b"")
    assert (tmp_path / "out.ndjson").read_bytes() == first.stdout
    assert run("dedupe", "n.npz", "--threshold", ".3", cwd=tmp_path).returncode == 2


@pytest.mark.parametrize("option", [("--floor", ".5"), ("--save", "m.npz"), ("-i", "x")])
def test_what_means_nothing_of_a_saved_file_is_an_error(run, tmp_path, option):
    done = run("dedupe", "n.npz", *option, cwd=tmp_path)
    assert (done.returncode, b"do not apply to SAVED.npz" in done.stderr) == (2, True)


def test_files_of_a_folder_and_chunks_of_an_index(run, tmp_path):
    docs = tmp_path / "docs"
    docs.mkdir()
    for name in ("a.md", "b.md"):
        (docs / name).write_text("The key is under the mat.\n", encoding="utf-8")
    [group] = lines(run("dedupe", "docs", "-m", "tiny", cwd=tmp_path))
    assert (group["keep"], group["drop"][0]["id"]) == ("a.md", "b.md")
    assert run("index", "docs", "-i", "ix", "-m", "tiny", cwd=tmp_path).returncode == 0
    [group] = lines(run("dedupe", "-i", "ix", cwd=tmp_path))
    assert group["keep"].startswith("docs/a.md#0-")
    assert group["drop"][0]["id"].startswith("docs/b.md#0-")


def test_chunks_that_may_not_be_read_are_not_compared(run, tmp_path):
    (tmp_path / "a.md").write_text("The key is under the mat.\n", encoding="utf-8")
    (tmp_path / "b.md").write_text("The key is under the mat.\n", encoding="utf-8")
    run("index", "a.md", "-i", "ix", "-m", "tiny", cwd=tmp_path)
    run("index", "b.md", "-i", "ix", "--acl", "group:eng", "--default-acl", "public", cwd=tmp_path)
    assert run("dedupe", "-i", "ix", cwd=tmp_path).returncode == 1
    done = run("dedupe", "-i", "ix", "--as", "group:eng", cwd=tmp_path)
    assert len(lines(done)) == 1


@pytest.mark.parametrize("threshold", ["1.5", "-2"])
def test_a_threshold_that_is_no_cosine_is_an_error(run, file, tmp_path, threshold):
    done = run("dedupe", "texts.txt", f"--threshold={threshold}", "-m", "tiny", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"-1 to 1" in done.stderr


def test_no_text_has_no_duplicates(run, tmp_path):
    done = run("dedupe", "-", "-m", "tiny", stdin=b"", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, b"")


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("a b\ta b\t1\na b\tc d e\t0\n", ()),
        ("score\ts1\ts2\n5.0\ta b\ta b\n0.5\ta b\tc d e\n", ("--cut", "4")),
        ("a\u2028b\ta b\t1\na b\tc d e\t0\n", ()),
        ('{"a": "a b", "b": "a b", "label": true}\n{"a": "a b", "b": "c", "label": false}\n', ()),
    ],
)
def test_judged_pairs_suggest_a_threshold(run, tmp_path, content, options):
    (tmp_path / "pairs.txt").write_text(content, encoding="utf-8")
    done = run("suggest-threshold", "pairs.txt", *options, "-m", "tiny", cwd=tmp_path)
    [found] = lines(done)
    assert (found["f1"], found["pairs"], found["duplicates"]) == (pytest.approx(1), 2, 1)
    assert found["threshold"] < 1


def test_a_score_that_is_no_number_is_named(run, tmp_path):
    (tmp_path / "p.tsv").write_text("a\tb\t1\na\tc\tnan\n", encoding="utf-8")
    done = run("suggest-threshold", "p.tsv", "--cut", "1", "-m", "tiny", cwd=tmp_path)
    assert (done.returncode, b"line 2" in done.stderr) == (2, True)


def test_a_pair_without_a_label_is_named(run, tmp_path):
    (tmp_path / "pairs.txt").write_text("a\tb\t1\na\tb\tmaybe\n", encoding="utf-8")
    done = run("suggest-threshold", "pairs.txt", "-m", "tiny", cwd=tmp_path)
    assert done.returncode == 2
    assert b"line 2" in done.stderr


def test_a_table_without_texts_is_an_error(run, tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    done = run("dedupe", "t.csv", "-m", "tiny", cwd=tmp_path)
    assert done.returncode == 2
    assert b"no column or field named text" in done.stderr


def test_rows_of_tables_and_lines_of_json_keep_their_ids(run, tmp_path):
    (tmp_path / "t.csv").write_text("id,text\nx,one\ny,one\n", encoding="utf-8")
    [group] = lines(run("dedupe", "t.csv", "-m", "tiny", cwd=tmp_path))
    assert (group["keep"], group["drop"][0]["id"]) == ("x", "y")
    rows = b'{"id": "p", "text": "one"}\n{"id": "q", "text": "one"}\n'
    [group] = lines(run("dedupe", "-", "-m", "tiny", stdin=rows, cwd=tmp_path))
    assert (group["keep"], group["drop"][0]["id"]) == ("p", "q")
