"""Engines that fail: silence, half answers, too much of an answer, and what may be said of it."""

import gzip
import logging
import socket
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from time import perf_counter

import pytest

from simile.errors import ConfigError, RemoteEngineError
from simile.providers.http import JsonApi
from simile.providers.ollama import OllamaEmbedder


def ask(embedder):
    return embedder.embed(["a private text"], role="query")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_asked_about_again(ollama, stub, reply, status):
    stub.script.extend([reply(status, {"error": "no"})] * 2)
    assert ask(ollama).shape == (1, 8)
    assert len(stub.seen) == 3


def test_three_times_are_enough(ollama, stub, reply):
    stub.script.extend([reply(500, {"error": "out of memory"})] * 9)
    with pytest.raises(RemoteEngineError, match="answered 500: out of memory; see its log"):
        ask(ollama)
    assert len(stub.seen) == 3


@pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 413, 422, 501])
def test_what_will_not_pass_is_not_asked_again(ollama, stub, reply, status):
    stub.script.append(reply(status, b"no", {"Location": f"{stub.url}/elsewhere"}))
    with pytest.raises(RemoteEngineError, match=f"answered {status}"):
        ask(ollama)
    assert len(stub.seen) == 1


def test_the_engine_says_how_long_to_wait(ollama, stub, reply):
    stub.script.append(reply(429, {"error": "slow"}, {"Retry-After": "0.2"}))
    start = perf_counter()
    ask(ollama)
    assert perf_counter() - start >= 0.2


@pytest.mark.parametrize(
    "value", ["3600", "inf", format_datetime(datetime.now(UTC) + timedelta(hours=1))]
)
def test_an_engine_that_wants_too_much_patience_is_not_waited_for(ollama, stub, reply, value):
    stub.script.append(reply(503, {"error": "busy"}, {"Retry-After": value}))
    with pytest.raises(RemoteEngineError, match="503: busy; ask again later"):
        ask(ollama)
    assert len(stub.seen) == 1


def test_a_connection_that_breaks_is_tried_again(ollama, stub, reply):
    stub.script.append(reply(raw=lambda handler: None))
    stub.script.append(reply(raw=half_an_answer))
    assert ask(ollama).shape == (1, 8)


def half_an_answer(handler):
    handler.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"embeddings": [[1,')


def test_half_an_answer_is_none(ollama, stub, reply):
    stub.script.extend([reply(raw=half_an_answer)] * 3)
    with pytest.raises(RemoteEngineError, match="broke off its answer"):
        ask(ollama)


def test_silence_ends(stub, reply, impatient):
    hurried = OllamaEmbedder("words", host=stub.url, limits=replace(impatient, timeout_s=0.1))
    stub.script.extend([reply(raw=stub.hang)] * 3)
    with pytest.raises(RemoteEngineError, match=r"did not answer within 0\.1 s"):
        ask(hurried)
    assert stub.ticks < 100  # 2 s
    hurried.close()


def test_a_trickle_ends(stub, reply, impatient):
    hurried = OllamaEmbedder(
        "words", host=stub.url, limits=replace(impatient, timeout_s=0.2, tries=1)
    )

    def trickle(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n")
        while not stub.released.wait(0.02):
            handler.wfile.write(b" ")

    stub.script.append(reply(raw=trickle))
    with pytest.raises(RemoteEngineError, match="did not answer within"):
        ask(hurried)
    hurried.close()


def test_nobody_there_is_told_with_what_to_do(impatient):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    embedder = OllamaEmbedder("words", host=url, limits=replace(impatient, first_wait_s=0.02))
    start = perf_counter()
    with pytest.raises(RemoteEngineError, match=r"cannot be reached.*ollama serve.*OLLAMA_HOST"):
        ask(embedder)
    assert perf_counter() - start >= 0.06  # The second wait is twice the first.
    embedder.close()


@pytest.mark.parametrize("packed", [False, True])
def test_too_much_of_an_answer_is_not_read(ollama, stub, reply, packed):
    body = b" " * 20_000_000
    headers = {"Content-Encoding": "gzip"} if packed else {}
    stub.script.append(reply(200, gzip.compress(body) if packed else body, headers))
    with pytest.raises(RemoteEngineError, match="over 1,000,000 bytes"):
        ask(ollama)
    assert len(stub.seen) == 1


def test_a_packed_answer_is_read(ollama, stub, reply):
    body = gzip.compress(b'{"embeddings": [[1, 2]]}')
    stub.script.append(reply(200, body, {"Content-Encoding": "gzip"}))
    assert ask(ollama).tolist() == [[1, 2]]


def test_what_is_not_packed_as_it_says_is_no_answer(ollama, stub, reply):
    stub.script.append(reply(200, b"not gzip", {"Content-Encoding": "gzip"}))
    with pytest.raises(RemoteEngineError, match="no answer that can be read"):
        ask(ollama)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"embeddings": [', b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_refused(ollama, stub, reply, body):
    stub.script.append(reply(200, body))
    with pytest.raises(RemoteEngineError, match=r"not JSON.*OLLAMA_HOST"):
        ask(ollama)


def test_a_password_is_sent_but_not_told(stub, reply, impatient, caplog):
    caplog.set_level(logging.DEBUG)
    host = stub.url.replace("//", "//me:pass%20word@")
    embedder = OllamaEmbedder("words", host=host, limits=impatient)
    stub.script.append(reply(400, {"error": "no"}))
    with pytest.raises(RemoteEngineError) as caught:
        ask(embedder)
    assert stub.seen[0].headers["authorization"] == "Basic bWU6cGFzcyB3b3Jk"
    assert stub.url in str(caught.value)
    for said in (str(caught.value), caplog.text, repr(caught.value)):
        assert "pass" not in said and "me:" not in said
    embedder.close()


def test_keys_and_texts_are_not_logged(openai, stub, reply, caplog):
    caplog.set_level(logging.DEBUG)
    stub.script.append(reply(500, {"error": {"message": "cannot embed 'a private text'"}}))
    ask(openai)
    stub.script.append(reply(400, {"error": {"message": "cannot embed 'a private text'"}}))
    with pytest.raises(RemoteEngineError) as caught:
        ask(openai)
    for said in (str(caught.value), caplog.text):
        assert "private" not in said and "sk-secret" not in said


def test_proxies_are_not_asked_for_the_loopback(stub, impatient, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    embedder = OllamaEmbedder("words", host=stub.url, limits=impatient)
    assert embedder.dim == 8
    embedder.close()


def test_addresses_are_shown_without_credentials_and_slashes():
    for given, shown in [
        ("http://[::1]:5/a/", "http://[::1]:5/a"),
        ("https://u:p@host/v1", "https://host/v1"),
    ]:
        api = JsonApi("an engine", given, hint="")
        assert api.url == shown
        api.close()


@pytest.mark.parametrize("url", ["secret", "secret:80", "ftp://secret", "http://", "http://a:b:c"])
def test_what_is_no_address_is_refused_unseen(url):
    with pytest.raises(ConfigError, match="expected http://HOST:PORT/PATH") as caught:
        JsonApi("an engine", url, hint="")
    assert "secret" not in str(caught.value)


def test_a_process_that_is_interrupted_does_not_wait_for_the_engine(stub, reply):
    """What is in flight would take 120 s more."""
    stub.script.append(reply(raw=stub.hang))
    code = (
        "import sys; from simile.providers.ollama import OllamaEmbedder;"
        "e = OllamaEmbedder('words', host=sys.argv[1]);"
        "e._submit(['a'], truncate=True); import time\n"
        "while not sys.stdin.readline(): time.sleep(0.01)\n"
        "e.close(); print('closed')"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, stub.url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while not stub.seen and process.poll() is None:
            stub.released.wait(0.01)
        out, said = process.communicate("go\n", timeout=15)
    finally:
        process.kill()
    assert (out, said, process.returncode) == ("closed\n", "", 0)
