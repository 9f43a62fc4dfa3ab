import signal
import socket
import subprocess
import sys
import threading

import httpx2
import pytest

from simile.errors import ServerError
from simile.server.http.run import listen, url_of

WAITS_FOR_A_LINE = """
import asyncio, sys
from simile.server.http.run import listen, serve

async def app(scope, receive, send):
    print("begun", flush=True)
    line = await asyncio.to_thread(sys.stdin.readline)
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": line.encode()})

serve(app, listen("127.0.0.1", 0), ready=lambda url: print(url, flush=True))
print("ended", flush=True)
"""


def test_a_port_in_use_names_the_way_out():
    with listen("127.0.0.1", 0) as sock:
        port = sock.getsockname()[1]
        with pytest.raises(ServerError, match=rf"port {port} on 127.0.0.1 is in use.*--port"):
            listen("127.0.0.1", port)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_only_this_machine_is_served(host):
    with pytest.raises(ServerError, match="other machines"):
        listen(host, 0)


def test_others_are_served_if_that_is_said():
    with listen("0.0.0.0", 0, insecure=True) as sock:
        assert sock.getsockname()[0] == "0.0.0.0"


def test_localhost_is_the_address_that_clients_try():
    with listen("localhost", 0) as sock:
        assert sock.family == socket.AF_INET
        assert url_of(sock) == f"http://127.0.0.1:{sock.getsockname()[1]}"


@pytest.mark.parametrize(("host", "port"), [("", 0), ("127.0.0.1", 70000), ("not a host", 0)])
def test_what_cannot_be_listened_on_is_an_error(host, port):
    with pytest.raises(ServerError):
        listen(host, port)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signals to a process alone")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_after_what_is_in_flight(number):
    with subprocess.Popen(
        [sys.executable, "-c", WAITS_FOR_A_LINE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        url = process.stdout.readline().strip()
        answers = []
        thread = threading.Thread(target=lambda: answers.append(httpx2.get(url, timeout=30)))
        thread.start()
        assert process.stdout.readline() == "begun\n"
        process.send_signal(number)
        process.stdin.write("finished\n")
        process.stdin.flush()
        thread.join()
        assert process.stdout.readline() == "ended\n"
        assert process.wait(30) == 0
        assert process.stderr.read() == ""
    assert answers[0].text == "finished\n"
