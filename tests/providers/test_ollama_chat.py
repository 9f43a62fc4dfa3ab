import json

import pytest
from tests.providers.streaming import OLLAMA, PARTS, chunked, ollama_line, until_closed

from simile.errors import (
    BrokenAnswerError,
    InputError,
    ModelNotFoundError,
    RemoteEngineError,
    TextTooLongError,
)
from simile.protocols import ChatModel
from simile.providers.ollama_chat import OllamaChat, parse_line
from simile.providers.remote_chat import Part
from simile.providers.streams import UnreadableError
from simile.types import Message

ASKED = [Message("system", "Be brief."), Message("user", "Why is the sky blue?")]


def test_it_is_a_chat_model(ollama_chat, stub, reply):
    model: ChatModel = ollama_chat
    stub.script.append(reply(raw=chunked(OLLAMA)))
    assert list(model.stream(ASKED)) == PARTS
    assert model.name == "ollama/words"


def test_what_is_sent(ollama_chat, stub, reply):
    stub.script.append(reply(raw=chunked(OLLAMA)))
    list(ollama_chat.stream([*ASKED, Message("assistant", "half a pair: \ud800")]))
    [seen] = stub.seen
    assert (seen.method, seen.path) == ("POST", "/api/chat")
    assert seen.body == {
        "model": "words",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Why is the sky blue?"},
            {"role": "assistant", "content": "half a pair: \ufffd"},
        ],
        "stream": True,
        "truncate": False,
        "shift": False,
    }
    assert "authorization" not in seen.headers
    assert seen.headers["accept-encoding"] == "identity"


def test_room_is_asked_for_if_told(stub, reply, impatient):
    chat = OllamaChat("words", host=stub.url, context_tokens=16384, limits=impatient)
    stub.script.append(reply(raw=chunked(OLLAMA)))
    list(chat.stream(ASKED))
    assert stub.seen[0].body["options"] == {"num_ctx": 16384}
    chat.close()


@pytest.mark.parametrize("tokens", [0, -1, True, 4096.0, "4096"])
def test_room_is_a_number(tokens):
    with pytest.raises(InputError, match="expected a number above 0"):
        OllamaChat("words", host="http://127.0.0.1:1", context_tokens=tokens)


@pytest.mark.parametrize("recording", [OLLAMA, OLLAMA.replace(b"\n", b"\r\n")])
def test_it_does_not_matter_where_the_stream_is_cut(ollama_chat, stub, reply, recording):
    for cut in range(1, len(recording)):
        stub.script.append(reply(raw=chunked(recording[:cut], recording[cut:])))
        assert list(ollama_chat.stream(ASKED)) == PARTS, cut


@pytest.mark.parametrize("recording", [OLLAMA, OLLAMA.rstrip(), b"\n\n" + OLLAMA + b"more"])
@pytest.mark.parametrize("send", [chunked, until_closed])
def test_every_byte_may_come_alone(ollama_chat, stub, reply, recording, send):
    pieces = [recording[place : place + 1] for place in range(len(recording))]
    stub.script.append(reply(raw=send(*pieces)))
    answer = ollama_chat.stream(ASKED)
    assert (list(answer), answer.end_reason) == (PARTS, "stop")


def test_an_answer_that_ends_early_is_an_error_after_what_came(ollama_chat, stub, reply):
    """The connection is closed in good order; only `done` says that the answer is whole."""
    for size in range(0, len(OLLAMA) - 1, 7):
        stub.script.append(reply(raw=chunked(OLLAMA[:size])))
        parts = []
        with pytest.raises(RemoteEngineError) as caught:
            for part in ollama_chat.stream(ASKED):
                parts.append(part)
        assert parts == PARTS[: OLLAMA[:size].count(b"\n")]
        assert isinstance(caught.value, BrokenAnswerError) or not parts


def test_what_came_before_an_error_is_given(ollama_chat, stub, reply):
    error = b'{"error":"an error was encountered while running the model"}\n'
    stub.script.append(reply(raw=chunked(ollama_line("The "), ollama_line("sky"), error)))
    answer = ollama_chat.stream(ASKED)
    assert [next(answer), next(answer)] == ["The ", "sky"]
    with pytest.raises(BrokenAnswerError, match=r"encountered while running the model; its answer"):
        next(answer)
    with pytest.raises(StopIteration):
        next(answer)


def test_an_answer_that_is_cut_says_so(ollama_chat, stub, reply):
    last = ollama_line("", done=True, done_reason="length")
    stub.script.append(reply(raw=chunked(ollama_line("The"), last)))
    answer = ollama_chat.stream(ASKED)
    assert (next(answer), answer.end_reason) == ("The", None)
    assert (list(answer), answer.end_reason) == ([], "length")


def test_an_unknown_model_names_the_command(ollama_chat, stub, reply):
    stub.script.append(reply(404, {"error": "model 'words' not found"}))
    with pytest.raises(ModelNotFoundError, match="ollama pull words"):
        list(ollama_chat.stream(ASKED))


def test_a_404_of_something_else_is_no_unknown_model(ollama_chat, stub, reply):
    stub.script.append(reply(404, b"404 page not found"))
    with pytest.raises(RemoteEngineError, match=r"answered 404.*OLLAMA_HOST"):
        list(ollama_chat.stream(ASKED))


def test_a_model_that_cannot_chat_is_told(ollama_chat, stub, reply):
    stub.script.append(reply(400, {"error": '"words" does not support chat'}))
    with pytest.raises(RemoteEngineError, match='"words" does not support chat'):
        list(ollama_chat.stream(ASKED))


@pytest.mark.parametrize(
    "remark",
    [
        "the input length exceeds the context length",
        json.dumps(
            {"error": {"message": "request (8889 tokens) exceeds the available context size"}}
        ),
    ],
)
def test_a_conversation_that_does_not_fit_is_refused(ollama_chat, stub, reply, remark):
    stub.script.append(reply(400, {"error": remark}))
    with pytest.raises(TextTooLongError, match="context_tokens"):
        list(ollama_chat.stream(ASKED))


@pytest.mark.parametrize(
    ("line", "part"),
    [
        (b'{"message":{"content":"a"}}', Part("a")),
        (b'{"message":{"content":"","thinking":"hm"},"done":false}', Part()),
        (b'{"message":{"content":null}}', Part()),
        (b'{"message":null}', Part()),
        (b'{"status":"loading"}', Part()),
        (b'{"done":"true"}', Part()),
        (b'{"done":true}', Part(end_reason="stop", done=True)),
        (b'{"done":true,"done_reason":1}', Part(end_reason="stop", done=True)),
        (b'{"message":{"content":"a"},"done":true}', Part("a", "stop", True)),
        (b'{"error":"no","done":true}', Part(failed=True, remark="no")),
        (b'{"error":1}', Part(failed=True)),
        (b'{"message":{"content":"\\ud83d"}}', Part("\ud83d")),
    ],
)
def test_lines_that_mean_something(line, part):
    assert parse_line(line) == part


@pytest.mark.parametrize(
    "line",
    [b"[]", b"1", b"{", b"<html>", b'{"message":{"content":1}}', b'{"message":"a"}', b'"\xff"']
    + [b'{"message":{"content":"\xff"}}', b"[" * 100_000],
)
def test_lines_that_mean_nothing(line):
    with pytest.raises(UnreadableError):
        parse_line(line)
