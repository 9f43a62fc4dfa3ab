import json
import subprocess
import sys

import numpy as np
import pytest

import simile as package


def vectors_of(output: bytes) -> np.ndarray:
    return np.array([json.loads(line) for line in output.splitlines()], dtype=np.float32)


def test_one_json_array_per_text(simile):
    done = simile("embed", "-m", "tiny", "one", "two words")
    assert done.returncode == 0
    assert vectors_of(done.stdout).shape == (2, 16)


def test_a_model_that_is_not_here_is_pulled_and_said_so(simile):
    simile("rm", "tiny")
    done = simile("embed", "-m", "tiny", "one")
    assert done.returncode == 0
    assert b"tiny is not on this machine yet" in done.stderr


def test_every_line_of_stdin_is_a_text(simile):
    done = simile("embed", "-m", "tiny", "-", stdin="one\n\nü\r\nlast".encode())
    rows = vectors_of(done.stdout)
    assert rows.shape == (4, 16)
    assert np.array_equal(rows[0], vectors_of(simile("embed", "-m", "tiny", "one").stdout)[0])
    assert b"4 texts, " in done.stderr


def test_no_lines_give_no_vectors(simile):
    done = simile("embed", "-m", "tiny", "-")
    assert (done.returncode, done.stdout) == (0, b"")


def test_bytes_that_are_no_utf8_are_embedded_all_the_same(simile):
    assert len(vectors_of(simile("embed", "-m", "tiny", "-", stdin=b"\xff\x00\n").stdout)) == 1


def test_output_is_a_numpy_file_with_the_same_numbers(simile, tmp_path):
    path = tmp_path / "vectors.npy"
    done = simile("embed", "-m", "tiny", "-o", str(path), "one", "two")
    assert done.stdout == b""
    array = np.load(path)
    assert array.dtype == np.float32
    assert np.array_equal(array, vectors_of(simile("embed", "-m", "tiny", "one", "two").stdout))
    assert list(tmp_path.iterdir()) == [path]


def test_dimensions_cut_the_vectors(simile, tmp_path):
    whole = vectors_of(simile("embed", "-m", "tiny", "one").stdout)[:, :4]
    done = simile("embed", "-m", "tiny", "--dimensions", "4", "one")
    np.testing.assert_allclose(vectors_of(done.stdout), whole / np.linalg.norm(whole), atol=1e-6)
    path = tmp_path / "x.npy"
    simile("embed", "-m", "tiny", "--dimensions", "4", "-o", str(path), "one")
    assert np.load(path).shape == (1, 4)


def test_a_width_that_the_model_does_not_have_is_an_error(simile):
    for options in (
        ("--dimensions", "17"),
        ("--dimensions", "0"),
        ("--dimensions", "4", "--strict"),
    ):
        done = simile("embed", "-m", "tiny", *options, "one")
        assert (done.returncode, done.stdout) == (2, b"")
        assert b"Traceback" not in done.stderr


def test_a_role_chooses_the_prompt(simile):
    for role in ("document", "query", "clustering", "classification", "similarity"):
        assert simile("embed", "-m", "tiny", "--role", role, "one").returncode == 0
    assert simile("embed", "-m", "tiny", "--role", "other", "one").returncode == 2


def test_output_that_cannot_be_written_is_an_error(simile, tmp_path):
    done = simile("embed", "-m", "tiny", "-o", str(tmp_path / "none" / "x.npy"), "one")
    assert done.returncode == 2
    assert b"cannot be written" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_cut_text_is_reported(simile):
    done = simile("embed", "-m", "tiny", "word " * 100, "word")
    assert b"1 of 2 texts were longer than 32 tokens" in done.stderr


def test_an_engine_elsewhere_is_asked_and_its_tokens_are_not_made_up(simile, serving, environ):
    server = serving("--precision", "f32")
    command = [sys.executable, "-m", "simile.cli.main", "embed", "-m", "ollama/tiny", "-"]
    done = subprocess.run(
        command,
        input=b"one\ntwo words\n",
        capture_output=True,
        env=environ | {"OLLAMA_HOST": server.url},
        timeout=60,
    )
    local = simile("embed", "-m", "tiny", "--precision", "f32", "one", "two words")
    np.testing.assert_allclose(vectors_of(done.stdout), vectors_of(local.stdout), atol=1e-6)
    assert b"2 texts, " in done.stderr and b" texts/s" in done.stderr
    assert b"tokens" not in done.stderr


def test_an_engine_elsewhere_that_is_not_there_is_one_line(environ):
    done = subprocess.run(
        [sys.executable, "-m", "simile.cli.main", "embed", "-m", "ollama/tiny", "one"],
        capture_output=True,
        env=environ | {"OLLAMA_HOST": "127.0.0.1:9"},
        timeout=60,
    )
    assert done.returncode == 2
    assert b"cannot be reached" in done.stderr and b"OLLAMA_HOST" in done.stderr
    assert b"Traceback" not in done.stderr


def test_similarity_of_a_text_with_itself_is_one(simile):
    assert simile("similarity", "-m", "tiny", "a b", "a b").stdout.strip() == b"1.000000"


def test_a_folder_is_a_model(simile, tiny_folder):
    assert vectors_of(simile("embed", "-m", str(tiny_folder), "one").stdout).shape == (1, 16)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["embed", "-m", "no/such/thing/at/all:x:y", "one"], b"no/such/thing/at/all:x:y"),
        (["embed", "-m", "./nowhere", "one"], b"does not exist"),
        (["embed"], b"Missing argument"),
        (["embed", "--rolle", "query", "one"], b"--rolle"),
        (["embed", "--role", "both", "one"], b"'query', 'document'"),
        (["nonsense"], b"nonsense"),
        (["show", "unknown"], b'model "unknown" not found'),
        (["rm", "unknown"], b"not found"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(simile, arguments, said):
    done = simile(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert b"Traceback" not in done.stderr
    assert done.stdout == b""


def test_a_reader_that_has_seen_enough_is_no_error(environ):
    code = "import sys; sys.stdin.readline()"
    lines = b"word\n" * 5000
    writer = subprocess.Popen(
        [sys.executable, "-m", "simile.cli.main", "embed", "-m", "tiny", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environ,
    )
    reader = subprocess.Popen([sys.executable, "-c", code], stdin=writer.stdout)
    assert writer.stdout
    writer.stdout.close()
    writer.stdout = None
    _, said = writer.communicate(lines, timeout=60)
    assert reader.wait(60) == 0
    assert b"Traceback" not in said


def test_version_and_help(simile):
    assert package.__version__.encode() in simile("--version").stdout
    assert b"embed" in simile("--help").stdout


def test_list_and_show_are_json_when_piped(simile):
    simile("pull", "tiny")
    listed = [json.loads(line) for line in simile("list").stdout.splitlines()]
    assert [model["name"] for model in listed] == ["tiny:latest"]
    shown = json.loads(simile("show", "tiny").stdout)
    assert (shown["dim"], shown["max_tokens"], shown["pooling"]) == (16, 32, "mean")
