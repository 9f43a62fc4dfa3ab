import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simile.config import read_settings
from simile.errors import ConfigError
from simile.server.http.origins import Origins, is_local_host, is_same


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost",
        "http://localhost:3000",
        "https://localhost:8443",
        "http://127.0.0.1",
        "https://127.0.0.1:5173",
        "http://0.0.0.0:80",
        "app://obsidian.md",
        "file://",
        "tauri://localhost",
        "vscode-webview://abc",
        "vscode-file://vscode-app",
        "HTTP://LOCALHOST",
    ],
)
def test_pages_and_programs_of_this_machine_may_ask(origin):
    assert Origins().allow(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "http://example.com",
        "http://localhost.example.com",
        "http://localhost:3000.example.com",
        "http://localhost:@example.com",
        "http://127.0.0.1.example.com",
        "http://192.168.1.2",
        "ftp://localhost",
        "chrome-extension://abc",
        "xapp://a",
        "localhost",
        "http://localhost,http://localhost",
        " ",
    ],
)
def test_strangers_may_not(origin):
    assert not Origins().allow(origin)


def test_origins_can_be_added():
    settings = read_settings(
        {"OLLAMA_ORIGINS": ' "https://a.example, http://10.0.0.*" ', "SIMILE_ORIGINS": "null://b"}
    )
    assert settings.origins == ("https://a.example", "http://10.0.0.*", "null://b")
    origins = Origins(settings.origins)
    assert not origins.all
    assert origins.allow("https://a.example") and origins.allow("http://10.0.0.7:80")
    assert origins.allow("http://localhost:1")
    assert not origins.allow("https://aXexample") and not origins.allow("http://10.0.1.7")


def test_a_star_is_everybody():
    origins = Origins(read_settings({"SIMILE_ORIGINS": "*"}).origins)
    assert origins.all
    assert origins.allow("http://example.com") and origins.allow("null")


@pytest.mark.parametrize("value", ["example.com", "https://a.example/", "http://*.a.*", "a b"])
@pytest.mark.parametrize("variable", ["OLLAMA_ORIGINS", "SIMILE_ORIGINS"])
def test_what_is_no_origin_is_told_to_the_server_alone(variable, value):
    settings = read_settings({variable: value})
    with pytest.raises(ConfigError, match=variable):
        _ = settings.origins


@pytest.mark.parametrize(
    "host",
    [
        "",
        "localhost",
        "LocalHost:11434",
        "127.0.0.1:80",
        "127.9.9.9",
        "0.0.0.0:80",
        "[::1]:80",
        "[]:80",
        ":80",
        "[::1]",
        "::1",
        "192.168.1.2:80",
        "10.0.0.1",
        "app.localhost:80",
        "printer.local",
        "host.docker.internal:11434",
        socket.gethostname(),
        socket.gethostname().upper() + ":80",
    ],
)
def test_names_of_this_machine_and_its_network(host):
    assert is_local_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "example.com:80",
        "localhost.example.com",
        "127.0.0.1.example.com",
        "127.0.0.1.nip.io:11434",
        "8.8.8.8",
        "[2001:4860:4860::8888]:80",
        "local",
        "notlocalhost",
        "localhost,example.com",
        "example.com,localhost",
        "user@localhost@example.com",
        "[::1",
        "127.1",
        "2130706433",
        "x" * 10_000 + ".local",
    ],
)
def test_names_of_strangers(host):
    assert not is_local_host(host)


@given(st.text(max_size=40), st.text(max_size=40))
def test_nothing_breaks_the_rules(host, origin):
    is_local_host(host)
    assert is_same(f"http://{host}", host)
    assert Origins().allow(origin) in (True, False)
