"""`simile classify`."""

import json

import pytest
from tests.checkpoint_files import write_tiny_bert

pytest.importorskip("sklearn")
EXAMPLES = {
    "fruit": ["apple", "pear", "plum", "cherry", "an apple", "a pear"],
    "metal": ["iron rod", "gold bar", "tin can", "zinc tub", "copper pan", "lead pipe"],
}


def lines(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def labels(tmp_path):
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(EXAMPLES), encoding="utf-8")
    return path


def test_texts_get_labels_and_the_method_is_said(run, labels, tmp_path):
    done = run(
        "classify", "--labels", "labels.json", "-", "--min-confidence", "0", "--scores",
        "-m", "tiny", stdin=b"apple\ngold bar\n", cwd=tmp_path,
    )  # fmt: skip
    found = lines(done)
    assert [line["text"] for line in found] == ["apple", "gold bar"]
    assert all(line["label"] in EXAMPLES for line in found)
    assert sum(found[0]["scores"].values()) == pytest.approx(1, abs=1e-3)
    assert b"2 labels, 12 examples: " in done.stderr
    assert b"nearest centroid 0." in done.stderr


def test_names_alone_are_prototypes(run, tmp_path):
    (tmp_path / "names.txt").write_text("apple\ngold bar\n", encoding="utf-8")
    done = run("classify", "--labels", "names.txt", "apple", "-m", "tiny", cwd=tmp_path)
    assert [line["label"] for line in lines(done)] == ["apple"]
    assert b"prototypes" in done.stderr


def test_a_saved_classifier_says_the_same_with_its_own_model(run, labels, tmp_path):
    first = run(
        "classify", "--labels", "labels.json", "apple", "--save", "c.npz", "-m", "tiny",
        cwd=tmp_path,
    )  # fmt: skip
    again = run("classify", "--load", "c.npz", "apple", cwd=tmp_path)
    assert again.stdout == first.stdout != b""


def test_a_classifier_of_another_model_is_refused(run, labels, tmp_path):
    run("classify", "--labels", "labels.json", "--save", "c.npz", "-m", "tiny", cwd=tmp_path)
    write_tiny_bert(tmp_path / "other", dim=16, max_tokens=32, seed=5)
    done = run("classify", "--load", "c.npz", "apple", "-m", "./other", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"was made with tiny" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [("x",), ("--labels", "labels.json"), ("--labels", "labels.json", "--load", "c.npz", "x")],
)
def test_what_is_missing_is_said(run, labels, tmp_path, arguments):
    (tmp_path / "c.npz").touch()
    assert run("classify", *arguments, "-m", "tiny", cwd=tmp_path).returncode == 2


def test_contradictions_in_the_labels_are_told(run, tmp_path):
    (tmp_path / "l.txt").write_text("a\tx y\nb\tz\nb\tx y\n", encoding="utf-8")
    done = run("classify", "--labels", "l.txt", "x y", "-m", "tiny", cwd=tmp_path)
    assert b"line 3 has label 'b', but line 1 has 'a'" in done.stderr


def test_a_text_that_is_not_utf_8_gets_a_label(run, labels, tmp_path):
    done = run(
        "classify", "--labels", "labels.json", b"app\xffle", "-m", "tiny", cwd=tmp_path
    )  # fmt: skip
    assert json.loads(done.stdout)["text"] == "app\ufffdle"


def test_lines_of_stdin_are_answered_with_and_without_a_last_line_feed(run, labels, tmp_path):
    stdin = "apple\r\n\nä\u2028b".encode()
    done = run("classify", "--labels", "labels.json", "-", "-m", "tiny", stdin=stdin, cwd=tmp_path)
    texts = [json.loads(line)["text"] for line in done.stdout.decode().split("\n") if line]
    assert texts == ["apple", "", "ä\u2028b"]
