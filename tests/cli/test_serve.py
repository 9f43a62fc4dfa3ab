import json
import shlex
import socket
import subprocess
import sys
import threading

import httpx2
import pytest

posix = pytest.mark.skipif(sys.platform == "win32", reason="a signal ends a process at once there")


def test_the_ready_line_has_a_curl_that_works(serving):
    server = serving()
    assert server.url
    words = shlex.split(next(line for line in server.said if "curl" in line))
    url, body = words[1], words[words.index("-d") + 1]
    answer = httpx2.post(url, content=body, timeout=30)
    assert answer.status_code == 200
    assert len(answer.json()["embeddings"][0]) == 16


def test_a_model_that_was_not_pulled_is_404(serving):
    answer = httpx2.post(f"{serving().url}/api/embed", json={"model": "other", "input": "x"})
    assert answer.status_code == 404
    assert answer.json() == {"error": 'model "other" not found, try pulling it first'}


def test_no_pull_serves_without_the_model(serving):
    server = serving("--no-pull", "--model", "never-heard-of-it")
    assert httpx2.get(f"{server.url}/api/version").status_code == 200


@posix
def test_sigterm_finishes_what_is_in_flight(serving):
    server = serving()
    texts = [f"word {n} and some more" for n in range(20_000)]
    body = json.dumps({"model": "tiny", "input": texts}).encode()
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as sock:
        head = f"POST /api/embed HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        sock.sendall(head.encode() + body)
        # An answer to a later request says that the first has been read.
        httpx2.get(f"{server.url}/api/version")
        server.process.terminate()
        sock.settimeout(60)
        received = b""
        while piece := sock.recv(1 << 20):
            received += piece
    assert received.startswith(b"HTTP/1.1 200")
    assert received.count(b"[") == len(texts) + 1
    assert server.process.wait(60) == 0


@posix
def test_ctrl_c_ends_quietly(serving):
    server = serving()
    assert server.url
    server.process.send_signal(2)
    assert server.process.wait(60) == 0
    assert not any("Traceback" in line for line in server.said)


def test_a_port_in_use_is_an_error_that_names_the_option(simile):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = simile("serve", "--port", str(port), "--model", "tiny")
    assert done.returncode == 2
    assert b"--port" in done.stderr


def test_an_address_that_others_reach_is_refused(simile):
    done = simile("serve", "--host", "0.0.0.0", "--port", "0", "--model", "tiny")
    assert done.returncode == 2
    assert b"0.0.0.0" in done.stderr


def test_two_processes_may_use_one_store(serving):
    urls = [serving().url, serving().url]
    answers: list[int] = []

    def ask(url: str) -> None:
        body = {"model": "tiny", "input": "x"}
        answers.append(httpx2.post(f"{url}/api/embed", json=body, timeout=30).status_code)

    threads = [threading.Thread(target=ask, args=(url,)) for url in urls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200, 200]


def test_the_example_asks_the_server(serving):
    url = serving().url
    done = subprocess.run(
        [sys.executable, "-m", "simile.examples.embedding_example", "--model", "tiny"]
        + ["--host", url, "--text", "a b", "--compare", "a b"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "dimension:  16" in done.stdout
    assert "norm:       1.0000" in done.stdout
    assert "similarity: 1.0000" in done.stdout


def test_the_example_says_when_no_server_answers():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    done = subprocess.run(
        [sys.executable, "-m", "simile.examples.embedding_example", "--text", "x"]
        + ["--host", f"127.0.0.1:{port}"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "simile serve" in done.stderr
    assert "Traceback" not in done.stderr
