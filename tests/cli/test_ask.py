"""`simile ask` and `simile chat` against a server of Ollama's chat protocol, replayed."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from tests.retrieval.syncing import write

ANSWER = ["The sky ", "is blue", " [1].", " Not [7]."]


class Ollama(BaseHTTPRequestHandler):
    """Answers every conversation with the same words, as Ollama 0.13 streams them."""

    asked: ClassVar[list[dict[str, object]]] = []
    breaks_off = False
    reason = "stop"
    answer = ANSWER

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(body)
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.end_headers()
        for part in self.answer:
            message = {"role": "assistant", "content": part}
            line = {"model": "m", "created_at": "2026-11-20T00:00:00Z", "message": message}
            self.wfile.write(json.dumps({**line, "done": False}).encode() + b"\n")
        if self.breaks_off:
            return
        message = {"role": "assistant", "content": ""}
        last = {"model": "m", "message": message, "done": True, "done_reason": self.reason}
        self.wfile.write(json.dumps(last).encode() + b"\n")

    def log_message(self, format, *arguments):
        """Say nothing."""


@pytest.fixture
def ollama(environ, monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Ollama)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Ollama.asked.clear()
    monkeypatch.setitem(environ, "OLLAMA_HOST", f"127.0.0.1:{server.server_address[1]}")
    monkeypatch.setenv("OLLAMA_HOST", environ["OLLAMA_HOST"])  # For `run`.
    yield Ollama
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def work(tmp_path_factory, simile):
    work = tmp_path_factory.mktemp("ask")
    write(work, {"docs/sky.md": "# Sky\n\nthe sky is blue", "docs/hr.md": "the secret salary"})
    for path, acl in (("docs/sky.md", "public"), ("docs/hr.md", "group:hr")):
        done = simile("index", path, "--acl", acl, "-m", "tiny", cwd=work)
        assert done.returncode == 0, done.stderr
    return work


def test_the_answer_and_its_sources_are_printed(simile, work, ollama):
    done = simile("ask", "the sky is blue", "--chat", "ollama/m", "--min-cosine", "0", cwd=work)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode() == "The sky is blue [1]. Not [7].\n\n[1] docs/sky.md:1-3\n"
    assert b"[7]" in done.stderr
    assert "secret" not in str(ollama.asked)


def test_json_holds_answer_citations_and_sources(simile, work, ollama):
    done = simile(
        "ask", "-", "--chat", "ollama/m", "--json", "--as", "group:hr", "--min-cosine", "0",
        cwd=work, stdin=b"the secret salary\n",
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert told["answer"] == "".join(ANSWER) and told["unknown"] == [7]
    assert {source["document_id"] for source in told["sources"]} == {"docs/sky.md", "docs/hr.md"}


def test_show_prompt_asks_nobody(simile, work, ollama):
    done = simile("ask", "the sky is blue", "--show-prompt", "--min-cosine", "0", cwd=work)
    assert done.returncode == 0 and b"--- system" in done.stdout and b"the sky" in done.stdout
    assert ollama.asked == []


def test_nothing_near_asks_nobody(simile, work, ollama):
    done = simile("ask", "zzz", "--chat", "ollama/m", "--min-cosine", "1", cwd=work)
    assert done.returncode == 1 and b"was not asked" in done.stderr and ollama.asked == []


def test_a_follow_up_is_condensed_first(simile, work, ollama):
    done = simile("chat", "--chat", "ollama/m", cwd=work, stdin=b"sky blue\n\nand why?\n")
    assert done.returncode == 0, done.stderr
    told = [str(body["messages"]) for body in ollama.asked]
    assert any("Last question: and why?" in one for one in told)


ASK = ("ask", "the sky is blue", "--chat", "ollama/m", "--min-cosine", "0")


def test_what_came_before_it_broke_off_is_printed(run, work, ollama, monkeypatch):
    monkeypatch.setattr(ollama, "breaks_off", True)
    done = run(*ASK, cwd=work)
    assert done.returncode == 2 and b"incomplete" in done.stderr
    assert done.stdout.decode() == "The sky is blue [1]. Not [7].\n\n[1] docs/sky.md:1-3\n"


def test_json_of_a_broken_answer_holds_what_came(run, work, ollama, monkeypatch):
    monkeypatch.setattr(ollama, "breaks_off", True)
    done = run(*ASK, "--json", cwd=work)
    told = json.loads(done.stdout)
    assert done.returncode == 2 and b"incomplete" in done.stderr
    assert told["answer"] == "".join(ANSWER) and told["complete"] is False
    assert told["cited"] == [1]


def test_an_answer_that_was_cut_says_so(run, work, ollama, monkeypatch):
    monkeypatch.setattr(ollama, "reason", "length")
    done = run(*ASK, cwd=work)
    assert done.returncode == 0 and b"cut off at the model's length limit" in done.stderr
    assert json.loads(run(*ASK, "--json", cwd=work).stdout)["complete"] is False


def test_an_answer_without_a_word_says_so(run, work, ollama, monkeypatch):
    monkeypatch.setattr(ollama, "answer", [])
    done = run(*ASK, cwd=work)
    assert (
        done.returncode == 1 and b"returned an empty answer" in done.stderr and done.stdout == b""
    )


def test_a_chat_goes_on_after_an_answer_that_broke_off(run, work, ollama, monkeypatch):
    monkeypatch.setattr(ollama, "breaks_off", True)
    done = run("chat", "--chat", "ollama/m", cwd=work, stdin=b"sky blue\nblue sky\n")
    assert done.returncode == 2 and done.stderr.count(b"incomplete") == 2
    assert b"The sky is blue" in done.stdout


@pytest.mark.parametrize("verb", ["ask", "chat"])
def test_ollamas_room_can_be_given(run, work, ollama, verb):
    asked = ("sky blue", "--min-cosine", "0") if verb == "ask" else ()
    arguments = (verb, *asked, "--chat", "ollama/m", "--context-tokens", "512")
    run(*arguments, cwd=work, stdin=b"sky blue\n")
    assert ollama.asked[0]["options"] == {"num_ctx": 512}


def test_questions_that_are_not_utf8_are_read(run, work, ollama):
    done = run("ask", "-", "--show-prompt", "--min-cosine", "0", cwd=work, stdin=b"sky \xff")
    assert done.returncode == 0 and "sky \ufffd" in done.stdout.decode()
    assert run("chat", "--chat", "ollama/m", cwd=work, stdin=b"sky \xff\n").returncode == 0


def test_where_nothing_is_near_there_is_no_prompt(run, work):
    done = run("ask", "zzz", "--show-prompt", "--min-cosine", "1", cwd=work)
    assert done.returncode == 1 and done.stdout == b"" and b"was not asked" in done.stderr


@pytest.mark.parametrize("words", [b"\xff {passages} {question}", b"{passages}"])
def test_a_template_that_cannot_be_used_is_an_error(run, work, tmp_path, words):
    (tmp_path / "t").write_bytes(words)
    done = run("ask", "sky", "--show-prompt", "--template", tmp_path / "t", cwd=work)
    assert done.returncode == 2 and done.stderr.startswith(b"simile: ")


def test_the_mark_at_the_start_of_a_template_is_no_part_of_it(run, work, tmp_path):
    (tmp_path / "t").write_bytes(b"\xef\xbb\xbf{passages}|{question}")
    arguments = ("ask", "sky", "--show-prompt", "--min-cosine", "0", "--template", tmp_path / "t")
    assert "\ufeff" not in run(*arguments, cwd=work).stdout.decode()


@pytest.mark.parametrize("arguments", [("ask", "why?"), ("chat",), ("ask", "x", "--chat", "m")])
def test_without_a_chat_model_the_error_names_one(simile, work, arguments):
    done = simile(*arguments, cwd=work)
    assert done.returncode == 2 and b"ollama/" in done.stderr


def test_an_engine_that_does_not_answer_is_an_error(simile, work, environ, monkeypatch):
    monkeypatch.setitem(environ, "OLLAMA_HOST", "127.0.0.1:9")
    done = simile("ask", "the sky is blue", "--chat", "ollama/m", "--min-cosine", "0", cwd=work)
    assert done.returncode == 2 and b"Traceback" not in done.stderr and done.stdout == b""
