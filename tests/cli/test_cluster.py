"""`simile cluster` and `simile map`: lines for programs, a page for people, refusals in a line."""

import json

import pytest

pytest.importorskip("sklearn")
KINDS = ("aa bb cc", "dd ee ff", "gg hh ii")
TEXTS = [f"{KINDS[row % 3]} {'x' * (row // 3)}" for row in range(30)]


@pytest.fixture
def lines(tmp_path):
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS), encoding="utf-8")
    return tmp_path


def parsed(done):
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_line_for_each_cluster_when_piped(run, lines):
    found = parsed(run("cluster", "texts.txt", "-m", "tiny", "-n", "3", cwd=lines))
    assert [one["cluster"] for one in found] == [0, 1, 2]
    assert sum(one["size"] for one in found) == 30
    for one in found:
        assert all(
            TEXTS[int(near["id"]) - 1] == near["text"].rstrip("\n") for near in one["nearest"]
        )
        assert 0 <= one["stability"] <= 1


def test_a_line_for_each_text_with_members(run, lines):
    options = ("-m", "tiny", "-n", "2", "--members", "--seed", "5")
    first = run("cluster", "-", *options, stdin="\n".join(TEXTS).encode(), cwd=lines)
    assert [one["id"] for one in parsed(first)] == [str(row + 1) for row in range(30)]
    assert {one["cluster"] for one in parsed(first)} == {0, 1}
    assert run("cluster", "texts.txt", *options, cwd=lines).stdout == first.stdout


def test_nothing_to_group_is_exit_code_1(run, lines):
    done = run("cluster", "-", "-m", "tiny", stdin=b"one text\n", cwd=lines)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"1 text, 0 clusters, 1 outlier" in done.stderr


@pytest.mark.parametrize("seed", ["-1", str(2**32)])
def test_a_seed_that_is_none_is_an_error(run, lines, seed):
    done = run("cluster", "--seed", seed, "texts.txt", cwd=lines)
    assert (done.returncode, b"--seed" in done.stderr) == (2, True)


def test_a_map_of_a_file_and_refusals(run, lines):
    done = run("map", "texts.txt", "-m", "tiny", "-n", "3", "-o", "map.html", cwd=lines)
    assert done.returncode == 0, done.stderr
    assert b"30 texts, 3 clusters" in done.stderr
    assert "aa bb cc" in (lines / "map.html").read_text(encoding="utf-8")
    for arguments, why in (
        (("map", "texts.txt", "-o", "map.pdf"), b"expected the suffix .html or .png"),
        (("cluster", "texts.txt", "-n", "3", "--min-size", "4"), b"are mutually exclusive"),
        (("cluster", "texts.txt", "-n", "31", "-m", "tiny"), b"count is 31; expected 1 to 30"),
    ):
        done = run(*arguments, cwd=lines)
        assert done.returncode == 2
        assert why in done.stderr


def test_of_an_index_only_what_may_be_read_is_grouped(run, lines):
    rows = [
        json.dumps({"id": str(row), "text": text, "acl": ["group:eng" if row % 2 else "public"]})
        for row, text in enumerate(TEXTS)
    ]
    (lines / "rows.ndjson").write_text("\n".join(rows), encoding="utf-8")
    (lines / "texts.txt").unlink()
    assert run("index", "rows.ndjson", "-m", "tiny", cwd=lines).returncode == 0
    for who, texts in (((), 15), (("--as", "group:eng"), 30)):
        found = parsed(run("cluster", "-i", ".simile", "-n", "2", "--members", *who, cwd=lines))
        assert len(found) == texts
