"""`simile rerank`: what a file of texts may look like, and what comes out."""

import json

import pytest
from tests.rerankers import write_tiny_reranker

TEXTS = ["the sky is blue", "cat", "green grass"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(write_tiny_reranker(tmp_path_factory.mktemp("rerank") / "cross"))


def ranked(done):
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def rerank(run, tmp_path, content, *options):
    (tmp_path / "texts").write_text(content, encoding="utf-8", newline="")
    return run("rerank", "why is the sky blue", "--documents", "texts", *options, cwd=tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "\n".join(TEXTS),
        "\r\n".join([*TEXTS, ""]),
        json.dumps(TEXTS, indent=1),
        json.dumps([{"text": text, "id": 1} for text in TEXTS]),
        "\n".join(json.dumps(text) for text in TEXTS),
        "\n\n".join(json.dumps({"text": text}) for text in TEXTS),
    ],
    ids=["lines", "crlf", "array", "objects", "strings", "ndjson"],
)
def test_texts_come_as_lines_or_as_json(run, tmp_path, folder, content):
    found = ranked(rerank(run, tmp_path, content, "--model", folder))
    assert {one["index"]: one["text"] for one in found} == dict(enumerate(TEXTS))
    assert [one["score"] for one in found] == sorted((one["score"] for one in found), reverse=True)
    assert {one["model"] for one in found} == {folder}


def test_every_line_is_a_text_also_an_empty_one(run, tmp_path):
    found = ranked(rerank(run, tmp_path, "cat\n\n[dog]\n", "--model", "tiny"))
    assert {one["index"]: one["text"] for one in found} == {0: "cat", 1: "", 2: "[dog]"}


def test_as_many_as_asked_for_from_stdin_raw(run, tmp_path, folder):
    options = ("rerank", "sky", "-d", "-", "-m", folder, "-k", "2", "--precision", "f32")
    scores = ranked(run(*options, stdin="\n".join(TEXTS).encode(), cwd=tmp_path))
    raw = ranked(run(*options, "--raw-scores", stdin="\n".join(TEXTS).encode(), cwd=tmp_path))
    assert len(scores) == len(raw) == 2
    assert [one["index"] for one in scores] == [one["index"] for one in raw]
    assert all(0 < one["score"] < 1 for one in scores)
    assert scores[0]["score"] != raw[0]["score"]


def test_no_text_is_exit_code_1(run, tmp_path):
    done = rerank(run, tmp_path, "")
    assert (done.returncode, done.stdout) == (1, b"") and b"no text" in done.stderr


@pytest.mark.parametrize(
    ("content", "options", "told"),
    [
        ("[1]", (), b"document 0 is 1"),
        ('[{"title": "x"}]', (), b"document 0"),
        ("cat", ("--instruction", "Find cats"), b"instruction"),
        ("cat", ("--model", "./nowhere"), b"nowhere"),
        ("cat", ("-k", "0"), b"-k"),
    ],
)
def test_what_cannot_be_ranked_is_exit_code_2(run, tmp_path, content, options, told):
    done = rerank(run, tmp_path, content, "--model", "tiny", *options)
    assert done.returncode == 2 and told in done.stderr and b"Traceback" not in done.stderr


def test_a_reranker_embeds_nothing(run, tmp_path, folder):
    done = run("embed", "cat", "--model", folder, cwd=tmp_path)
    assert done.returncode == 2 and b"Traceback" not in done.stderr
