"""What texts, names and answers hold never reaches a terminal raw; a lost output is an error."""

import subprocess
import sys

import pytest
from tests.cli.test_search import on_terminal
from tests.retrieval.syncing import write

HOSTILE = "cat \x1b]0;owned\x07 \x1b[31mred\x9b2J \u202eevil\r over"
RAW = [char.encode() for char in "\x1b\x07\x9b\u202e\r"]


@pytest.fixture(scope="module")
def work(tmp_path_factory, simile):
    work = tmp_path_factory.mktemp("hostile")
    write(work, {"docs/a\x1b[2Jb.md": f"# {HOSTILE}\n\n{HOSTILE}\n", "docs/b.md": "blue sky\n"})
    (work / "lines.txt").write_text(f"{HOSTILE}\n{HOSTILE}\nblue sky\n", newline="")
    assert simile("index", "docs", "-m", "tiny", cwd=work).returncode == 0
    return work


COMMANDS = [
    ["search", "cat"],
    ["search", "cat", "--explain"],
    ["ask", "cat", "--show-prompt", "--min-cosine", "-1"],
    ["rerank", "cat", "-d", "lines.txt", "-m", "tiny"],
    ["dedupe", "lines.txt", "-m", "tiny"],
    ["index", "docs", "--dry-run"],
    ["why-skipped", "docs/a\x1b[2Jb.md"],
    ["search", "cat", "-i", "none\x1b[2J"],
    ["show", "x\x1b[2J"],
    ["forget", "x\x1b[2J"],
    ["search", "cat", "--filter", "\x1b[2J"],
    ["embed", "x", "--\x1b[2J"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
def test_no_command_writes_control_characters_of_its_input(
    command, terminal, simile, environ, work
):
    if terminal:
        output = on_terminal(command, environ, work)[0].encode()
        output = output.replace(b"\x1b[1m", b"").replace(b"\x1b[0m", b"")  # Our own bold.
    else:
        done = simile(*command, cwd=work)
        output = done.stdout + done.stderr
    assert output and b"Traceback" not in output
    assert [char for char in RAW if char in output] == []


OUTPUTS = [
    ["search", "cat"],
    ["status"],
    ["list"],
    ["embed", "x", "-m", "tiny"],
    ["rerank", "cat", "-d", "lines.txt", "-m", "tiny"],
    ["dedupe", "lines.txt", "-m", "tiny", "--all"],
    ["similarity", "a", "b", "-m", "tiny"],
    ["--help"],
    ["search", "--help"],
    ["--version"],
]


def shell(line, arguments, environ, cwd):
    command = ["sh", "-c", f'"$0" -m simile.cli.main "$@" {line}', sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, env=environ, cwd=cwd, timeout=60)


@pytest.mark.parametrize("arguments", OUTPUTS, ids=" ".join)
@pytest.mark.parametrize("line", ["> /dev/full", ">&-"])
def test_an_output_that_takes_nothing_is_an_error(arguments, line, environ, work):
    done = shell(line, arguments, environ, work)
    assert done.returncode == 2 and b"Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith(b"simile: the output: ")


@pytest.mark.parametrize("arguments", OUTPUTS, ids=" ".join)
def test_a_reader_that_is_gone_is_no_error(arguments, environ, work):
    done = shell("| true; echo done", arguments, environ, work)
    assert done.stdout == b"done\n" and b"Traceback" not in done.stderr


@pytest.mark.parametrize("line", ["2> /dev/full", "2>&-"])
def test_a_lost_stderr_changes_neither_output_nor_exit_code(line, environ, work):
    done = shell(line, ["search", "cat"], environ, work)
    assert done.returncode == 0 and done.stdout.startswith(b'{"document_id"')
    assert shell(line, ["search", "cat", "-i", "none"], environ, work).returncode == 2


def test_a_closed_stdin_is_empty(environ, work):
    done = shell("<&-", ["embed", "-", "-m", "tiny"], environ, work)
    assert done.returncode == 0 and done.stdout == b""


def test_any_text_can_be_written_in_any_encoding(environ, work):
    plain = environ | {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    output, code = on_terminal(["search", "sky", "--filter", "x = '\u2603'"], plain, work)
    assert code == 1 and "Traceback" not in output
    assert shell("", ["similarity", "\u2603", "\u2603", "-m", "tiny"], plain, work).returncode == 0


@pytest.mark.parametrize(
    "command",
    [["embed", "-"], ["rerank", "q", "-d", "-"], ["classify", "-"], ["dedupe", "-"]],
    ids=" ".join,
)
def test_a_line_without_end_is_refused(command, environ, work):
    (work / "labels.json").write_text('{"a": ["x"], "b": ["y"]}')
    labels = ["--labels", "labels.json"] if command[0] == "classify" else []
    done = shell("< /dev/zero", [*command, *labels, "-m", "tiny"], environ, work)
    assert done.returncode == 2 and b"has more than 67,108,864 bytes" in done.stderr


def test_a_binary_file_is_no_list_of_texts(simile, work):
    (work / "binary").write_bytes(b"\x7fELF\0\0")
    done = simile("dedupe", "binary", "-m", "tiny", cwd=work)
    assert done.returncode == 2 and b"binary is a binary file" in done.stderr


def test_a_fault_of_ours_is_not_nothing_found(run, work, monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("simile.index.Index.search", fail)
    done = run("search", "cat", cwd=work)
    assert done.returncode == 2 and b"ZeroDivisionError" in done.stderr


def test_what_is_forgotten_is_counted_and_what_is_not_there_is_named(simile, tmp_path):
    write(tmp_path, {"docs/one.md": "one"})
    assert simile("index", "docs", "-m", "tiny", cwd=tmp_path).returncode == 0
    done = simile("forget", "docs/one.md", "none", cwd=tmp_path)
    assert done.returncode == 0
    assert b"no document has the id 'none'" in done.stderr
    assert b"1 document forgotten" in done.stderr
    (tmp_path / "empty").mkdir()
    done = simile("index", "empty", cwd=tmp_path)
    assert done.returncode == 0 and b"no documents found" in done.stderr
