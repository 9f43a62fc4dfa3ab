import json
from datetime import UTC, datetime

import pytest

from simile.errors import ModelNameError
from simile.hub.sources.source import PullProgress
from simile.server.errors import BodyError, EmptyBodyError
from simile.server.ollama import chat as ollama_chat
from simile.server.ollama.changes import (
    parse_copy,
    parse_delete,
    parse_pull,
    render_present,
    render_status,
    render_step,
)

SHA = "797b70c4edf8" + "0" * 52


def test_pull_reads_model_or_name():
    asked = parse_pull(b'{"model":"All-MiniLM","insecure":true}')
    assert (asked.name.display, asked.stream) == ("All-MiniLM:latest", True)
    asked = parse_pull(b'{"name":"hf.co/acme/Tiny","stream":false} trailing')
    assert (asked.name.display, asked.stream) == ("hf.co/acme/Tiny:latest", False)
    assert parse_pull(b'{"model":"a","stream":null}').stream
    assert parse_pull(b'{"model":"http://hf.co/a/b","insecure":true}').name.model == "b"


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        (b"", EmptyBodyError, None),
        (b"{", BodyError, "unexpected EOF"),
        (b"{}", ModelNameError, None),
        (b'{"model":"a b"}', ModelNameError, None),
        (b'{"model":"../a"}', ModelNameError, None),
        (b'{"model":"/etc/passwd"}', ModelNameError, None),
        (b'{"model":"a:b.gguf"}', ModelNameError, "path"),
        (b'{"model":"http://hf.co/a/b"}', BodyError, "^insecure protocol http$"),
        (b'{"model":"a","stream":1}', BodyError, "PullRequest.stream of type bool"),
    ],
)
def test_what_pull_refuses(body, kind, text):
    with pytest.raises(kind, match=text):
        parse_pull(body)


def test_delete_keeps_the_spelling():
    text, name = parse_delete(b'{"name":"FOO"}')
    assert (text, name.display) == ("FOO", "FOO:latest")
    with pytest.raises(BodyError, match=r'^name "a b" is invalid$'):
        parse_delete(b'{"model":"a b"}')
    with pytest.raises(BodyError, match=r'^name "" is invalid$'):
        parse_delete(b"{}")


def test_copy_names_the_bad_one():
    asked = parse_copy(b'{"source":"a","destination":"me/b:2"}')
    assert (asked.source, asked.to_name.display) == ("a", "me/b:2")
    with pytest.raises(BodyError, match=r'^source "" is invalid$'):
        parse_copy(b"{}")
    with pytest.raises(BodyError, match=r'^destination "/b" is invalid$'):
        parse_copy(b'{"source":"a","destination":"/b"}')


@pytest.mark.parametrize(
    ("step", "lines"),
    [
        (
            PullProgress("downloading", "model.safetensors", 5, 10, SHA),
            '{"status":"pulling 797b70c4edf8","digest":"sha256:SHA","total":10,"completed":5}',
        ),
        (
            PullProgress("downloading", "model.safetensors", 0, 10, SHA),
            '{"status":"pulling 797b70c4edf8","digest":"sha256:SHA","total":10}',
        ),
        (
            PullProgress("downloading", "config.json", 7, 7),
            '{"status":"pulling config.json","total":7,"completed":7}',
        ),
        (PullProgress("copying", "config.json"), '{"status":"pulling config.json"}'),
        (PullProgress("asking <the hub>"), '{"status":"asking \\u003cthe hub\\u003e"}'),
        (
            PullProgress("writing manifest"),
            '{"status":"verifying sha256 digest"}\n{"status":"writing manifest"}',
        ),
    ],
)
def test_lines_of_a_pull(step, lines):
    assert render_step(step).decode() == lines.replace("SHA", SHA) + "\n"


def test_a_model_that_is_here_is_one_whole_layer(model):
    line = json.loads(render_present(model))
    assert line["total"] == line["completed"] == model.size_bytes
    assert line["digest"] == f"sha256:{model.digest}"
    assert render_status("success") == b'{"status":"success"}'


def test_generate_and_chat_load_or_unload():
    asked = ollama_chat.parse_generate(b'{"model":"a","prompt":"","keep_alive":"0s","raw":1}')
    assert (asked.has_text, asked.keep_alive_s) == (False, 0)
    asked = ollama_chat.parse_chat(b'{"model":"a","messages":[],"stream":false}')
    assert (asked.has_text, asked.keep_alive_s) == (False, None)
    assert ollama_chat.parse_generate(b'{"model":"a","prompt":"Hi"}').has_text
    assert ollama_chat.parse_chat(b'{"model":"a","messages":[{"role":"user"}]}').has_text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"{}", "^model is required$"),
        (b'{"model":"a","messages":"Hi"}', r"ChatRequest.messages of type \[\]api.Message"),
        (b'{"model":"a","messages":[1]}', r"ChatRequest.messages of type \[\]api.Message"),
        (b'{"model":"a","keep_alive":"5"}', "missing unit"),
    ],
)
def test_what_chat_refuses(body, text):
    with pytest.raises(BodyError, match=text):
        ollama_chat.parse_chat(body)


def test_answers_of_generate_and_chat():
    now = datetime(2026, 5, 4, tzinfo=UTC)
    asked = ollama_chat.parse_generate(b'{"model":"A"}')
    said = json.loads(ollama_chat.render_chat(asked, "unload", now))
    assert list(said) == ["model", "created_at", "response", "done", "done_reason"]
    assert (said["model"], said["response"], said["done_reason"]) == ("A", "", "unload")
    assert datetime.fromisoformat(said["created_at"]) == now
    asked = ollama_chat.parse_chat(b'{"model":"A"}')
    said = json.loads(ollama_chat.render_chat(asked, "load", now))
    assert list(said) == ["model", "created_at", "message", "done", "done_reason"]
    assert said["message"] == {"role": "assistant", "content": ""}
    assert said["done"] is True
