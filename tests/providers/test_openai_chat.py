import json

import pytest
from tests.providers.streaming import OPENAI, PARTS, chunked, openai_event, until_closed

from simile.errors import (
    BrokenAnswerError,
    ConfigError,
    ModelNotFoundError,
    RemoteEngineError,
    TextTooLongError,
)
from simile.protocols import ChatModel
from simile.providers.openai_chat import OpenAIChat, parse_event, parse_whole
from simile.providers.remote_chat import Part
from simile.providers.streams import UnreadableError
from simile.types import Message

ASKED = [Message("system", "Be brief."), Message("user", "Why is the sky blue?")]
WHOLE = {
    "id": "chatcmpl-C1",
    "object": "chat.completion",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "The sky.", "refusal": None},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 26, "completion_tokens": 3},
}


def test_it_is_a_chat_model(openai_chat, stub, reply):
    model: ChatModel = openai_chat
    stub.script.append(reply(raw=chunked(OPENAI)))
    assert list(model.stream(ASKED)) == PARTS
    assert model.name == "openai/words"


def test_what_is_sent(openai_chat, stub, reply):
    stub.script.append(reply(raw=chunked(OPENAI)))
    list(openai_chat.stream(ASKED))
    [seen] = stub.seen
    assert (seen.method, seen.path) == ("POST", "/v1/chat/completions")
    assert seen.body == {
        "model": "words",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Why is the sky blue?"},
        ],
        "stream": True,
    }
    assert seen.headers["authorization"] == "Bearer sk-secret"
    assert seen.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_it_does_not_matter_where_the_stream_is_cut(openai_chat, stub, reply, end):
    recording = OPENAI.replace(b"\n", end)
    for cut in range(1, len(recording)):
        stub.script.append(reply(raw=chunked(recording[:cut], recording[cut:])))
        assert list(openai_chat.stream(ASKED)) == PARTS, cut


SPREAD = OPENAI.replace(b',"choices"', b',\ndata: "choices"')
WITHOUT_EMPTY_LINES = OPENAI.replace(b"\n\n", b"\n")


@pytest.mark.parametrize(
    "recording",
    [
        OPENAI,
        OPENAI.rstrip(),
        OPENAI.replace(b"data: [DONE]\n\n", b""),
        OPENAI.replace(b"data: ", b"data:"),
        OPENAI.replace(b"data: ", b"event: message\nid: 1\nretry: 5\ndata: "),
        OPENAI + b"data: nothing of the kind\n\n",
        b"\xef\xbb\xbf" + OPENAI,
        b": hello\n\n\n\n" + OPENAI,
        SPREAD,
        SPREAD.replace(b"\n", b"\r\n"),
        WITHOUT_EMPTY_LINES,
    ],
)
@pytest.mark.parametrize("send", [chunked, until_closed])
def test_every_byte_may_come_alone(openai_chat, stub, reply, recording, send):
    pieces = [recording[place : place + 1] for place in range(len(recording))]
    stub.script.append(reply(raw=send(*pieces)))
    answer = openai_chat.stream(ASKED)
    assert (list(answer), answer.end_reason) == (PARTS, "stop")


def test_an_answer_that_ends_early_is_an_error_after_what_came(openai_chat, stub, reply):
    """The connection is closed in good order; neither a reason nor [DONE] came."""
    for size in range(0, OPENAI.index(b'"stop"'), 7):
        stub.script.append(reply(raw=chunked(OPENAI[:size])))
        parts = []
        with pytest.raises(RemoteEngineError) as caught:
            for part in openai_chat.stream(ASKED):
                parts.append(part)
        assert parts == PARTS[: len(parts)]
        assert isinstance(caught.value, BrokenAnswerError) or not parts


def test_done_is_an_end_without_a_reason(openai_chat, stub, reply):
    stub.script.append(reply(raw=chunked(openai_event("The"), b"data: [DONE]\n\n")))
    answer = openai_chat.stream(ASKED)
    assert (list(answer), answer.end_reason) == (["The"], None)


@pytest.mark.parametrize(
    "error",
    [
        b'data: {"error":{"message":"The server had an error","type":"server_error"}}\n\n',
        b'event: error\ndata: {"error":"The server had an error"}\n\n',
    ],
)
def test_what_came_before_an_error_is_given(openai_chat, stub, reply, error):
    events = (openai_event("The "), openai_event("sky"), error)
    stub.script.append(reply(raw=chunked(*events)))
    answer = openai_chat.stream(ASKED)
    assert [next(answer), next(answer)] == ["The ", "sky"]
    with pytest.raises(BrokenAnswerError, match="The server had an error; its answer"):
        next(answer)


def test_an_answer_that_is_cut_says_so(openai_chat, stub, reply):
    events = (openai_event("The"), openai_event("", "length"), b"data: [DONE]\n\n")
    stub.script.append(reply(raw=chunked(*events)))
    answer = openai_chat.stream(ASKED)
    assert (list(answer), answer.end_reason) == (["The"], "length")


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
def test_an_answer_may_come_whole(openai_chat, stub, reply, indent, kind):
    stub.script.append(
        reply(200, json.dumps(WHOLE, indent=indent).encode(), {"Content-Type": kind})
    )
    answer = openai_chat.stream(ASKED)
    assert (list(answer), answer.end_reason) == (["The sky."], "stop")


@pytest.mark.parametrize(
    "body", [{}, {"object": "list", "data": []}, {"error": {"message": "no"}}, {"choices": [{}]}]
)
def test_an_object_that_is_no_answer_is_an_error(openai_chat, stub, reply, body):
    stub.script.append(reply(200, body))
    with pytest.raises(RemoteEngineError):
        list(openai_chat.stream(ASKED))


def test_an_unknown_model_is_told(openai_chat, stub, reply):
    error = {"message": "The model `words` does not exist", "code": "model_not_found"}
    stub.script.append(reply(404, {"error": error}))
    with pytest.raises(ModelNotFoundError, match=r"'words'.*list of models"):
        list(openai_chat.stream(ASKED))


def test_a_wrong_key_is_not_repeated(openai_chat, stub, reply):
    error = {"message": "Incorrect API key provided: sk-se**ret", "code": "invalid_api_key"}
    stub.script.append(reply(401, {"error": error}))
    with pytest.raises(
        RemoteEngineError, match="401, it wants another key; check OPENAI"
    ) as caught:
        list(openai_chat.stream(ASKED))
    assert "sk-se" not in str(caught.value)


def test_a_part_of_the_key_hides_a_remark_in_a_stream(openai_chat, stub, reply):
    error = b'data: {"error":{"message":"Incorrect API key provided: sk-s****"}}\n\n'
    stub.script.append(reply(raw=chunked(openai_event("The"), error)))
    with pytest.raises(BrokenAnswerError, match="with an error; its answer"):
        list(openai_chat.stream(ASKED))


def test_a_conversation_that_does_not_fit_is_refused(openai_chat, stub, reply):
    error = {
        "message": "This model's maximum context length is 128000 tokens.",
        "code": "context_length_exceeded",
    }
    stub.script.append(reply(400, {"error": error}))
    with pytest.raises(TextTooLongError, match="refused the conversation"):
        list(openai_chat.stream(ASKED))


def test_openai_itself_wants_a_key():
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        OpenAIChat("gpt", base_url="https://api.openai.com/v1/", api_key=None)


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"[DONE]", Part(done=True)),
        (b'{"choices":[]}', Part()),
        (b'{"choices":null,"error":null}', Part()),
        (b'{"choices":[{"delta":{"content":"a"}}]}', Part("a")),
        (b'{"choices":[{"delta":null,"finish_reason":"stop"}]}', Part(end_reason="stop")),
        (b'{"choices":[{"delta":{"content":null,"reasoning_content":"hm"}}]}', Part()),
        (b'{"choices":[{"delta":{"refusal":"I will not."}}]}', Part("I will not.")),
        (b'{"choices":[1]}', Part()),
        (b'{"error":{"message":"no"}}', Part(failed=True, remark="no")),
    ],
)
def test_events_that_mean_something(data, part):
    assert parse_event(data) == part


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{", b"<html>", b"[DONE", b'{"choices":[{"delta":"a"}]}']
    + [b'{"choices":[{"delta":{"content":["a"]}}]}', b'{"choices":[{"delta":{"content":"\xff"}}]}'],
)
def test_events_that_mean_nothing(data):
    with pytest.raises(UnreadableError):
        parse_event(data)


def test_a_whole_answer_may_be_empty():
    body = b'{"choices":[{"message":{"content":null},"finish_reason":"content_filter"}]}'
    assert parse_whole(body) == Part("", "content_filter", True)
