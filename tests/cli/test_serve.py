import json
import shlex
import signal
import socket
import subprocess
import sys
import threading

import httpx2
import pytest

KEY = "a-key-of-alices-own"
OTHER = "another-key-0123456"

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
    answer = httpx2.post(f"{server.url}/api/pull", json={"model": "tiny"})
    assert answer.status_code == 403
    assert "--no-pull" in answer.json()["error"]


@posix
def test_sigterm_finishes_what_is_in_flight(serving):
    server = serving()
    texts = [f"word {n} and some more" for n in range(20_000)]
    body = json.dumps({"model": "tiny", "input": texts}).encode()
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as sock:
        head = f"POST /api/embed HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
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


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "keys.toml"
    path.write_text(f'[[keys]]\nname = "alice"\nkey = "{KEY}"\n', encoding="utf-8")
    path.chmod(0o600)
    return path


def status_of(url: str, key: str) -> int:
    headers = {"Authorization": f"Bearer {key}"}
    body = {"model": "tiny", "input": "x"}
    return httpx2.post(f"{url}/api/embed", json=body, headers=headers, timeout=30).status_code


def test_with_keys_an_address_that_others_reach_is_served(serving, key_file):
    server = serving("--host", "0.0.0.0", "--api-keys", str(key_file))
    url = server.url.replace("0.0.0.0", "127.0.0.1")
    assert httpx2.get(f"{url}/api/version").status_code == 200
    assert httpx2.post(f"{url}/api/embed", json={"model": "tiny", "input": "x"}).status_code == 401
    assert [status_of(url, key) for key in (KEY, KEY + "x")] == [200, 401]
    server.stop()
    said = "".join(server.said)
    assert "Authorization: Bearer" in said
    assert KEY not in said and "chmod" not in said


@posix
def test_keys_are_read_again_after_sighup(serving, key_file):
    server = serving("--api-keys", str(key_file))
    assert status_of(server.url, KEY) == 200
    text = key_file.read_text(encoding="utf-8")
    for content, said in (
        (text.replace(KEY, OTHER), "keys reloaded"),
        ("", "keeping the previous keys"),
    ):
        key_file.write_text(content, encoding="utf-8")
        server.process.send_signal(signal.SIGHUP)
        server.wait_to_say(said)
        assert [status_of(server.url, key) for key in (KEY, OTHER)] == [401, 200]


@posix
def test_keys_that_everybody_can_read_are_told(serving, key_file):
    key_file.chmod(0o644)
    server = serving("--api-keys", str(key_file))
    assert server.url
    assert any("chmod 600" in line for line in server.said)


@pytest.mark.parametrize("content", ["", 'name = "a"', f'[[keys]]\nname = "a"\nkey = "{KEY[:9]}"'])
def test_keys_that_cannot_be_read_are_an_error(simile, key_file, content):
    key_file.write_text(content, encoding="utf-8")
    done = simile("serve", "--port", "0", "--model", "tiny", "--api-keys", key_file)
    assert done.returncode == 2
    assert b"keys.toml" in done.stderr and b"Traceback" not in done.stderr
    assert KEY[:9].encode() not in done.stderr


def test_a_page_of_a_stranger_is_refused(serving):
    url = serving().url
    for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
        assert httpx2.get(f"{url}/api/tags", headers=headers).status_code == 403


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
