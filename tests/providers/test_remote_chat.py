"""What holds for every chat model elsewhere: engines that fail half-way, hang, or say too much."""

import gzip
import logging
import select
import socket
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import perf_counter, sleep

import pytest
from tests.providers.streaming import (
    OLLAMA,
    OPENAI,
    PARTS,
    chunked,
    ollama_line,
    openai_event,
    until_closed,
)

from simile.errors import BrokenAnswerError, EngineClosedError, InputError, RemoteEngineError
from simile.providers.ollama_chat import OllamaChat
from simile.providers.openai_chat import OpenAIChat
from simile.providers.remote_chat import MAX_ANSWER_CHARS
from simile.types import Message

ASKED = [Message("user", "a private question")]


@pytest.fixture
def whole(chat):
    """A recording in the format of the engine."""
    return OLLAMA if isinstance(chat, OllamaChat) else OPENAI


@pytest.fixture
def part(chat):
    """A function from text to a piece of the stream."""
    return ollama_line if isinstance(chat, OllamaChat) else openai_event


@pytest.fixture(params=[0.2])
def hurried(request, chat, stub, impatient):
    """The same engine, with less time."""
    limits = replace(impatient, timeout_s=request.param)
    if isinstance(chat, OllamaChat):
        chat = OllamaChat("words", host=stub.url, limits=limits)
    else:
        chat = OpenAIChat("words", base_url=f"{stub.url}/v1", api_key=None, limits=limits)
    yield chat
    chat.close()


def take(answer):
    """Give the parts that came, and the error that ended them."""
    parts = []
    try:
        for part in answer:
            parts.append(part)
    except RemoteEngineError as exc:
        return parts, exc
    return parts, None


def test_nothing_is_sent_before_the_first_part_is_wanted(chat, stub, reply, whole):
    stub.script.append(reply(raw=chunked(whole)))
    answer = chat.stream(ASKED)
    assert not stub.seen
    assert list(answer) == PARTS
    assert len(stub.seen) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_asked_about_again(chat, stub, reply, whole, status):
    stub.script.extend([reply(status, {"error": "no"})] * 2)
    stub.script.append(reply(raw=chunked(whole)))
    assert list(chat.stream(ASKED)) == PARTS
    assert len(stub.seen) == 3


def test_three_times_are_enough(chat, stub, reply):
    stub.script.extend([reply(500, {"error": "out of memory"})] * 9)
    assert "answered 500: out of memory; see its log" in str(take(chat.stream(ASKED))[1])
    assert len(stub.seen) == 3


@pytest.mark.parametrize("status", [204, 301, 307, 400, 401, 403, 404, 413, 422, 501])
def test_what_will_not_pass_is_not_asked_again(chat, stub, reply, status):
    stub.script.append(reply(status, b"", {"Location": f"{stub.url}/elsewhere"}))
    assert f"answered {status}" in str(take(chat.stream(ASKED))[1])
    assert len(stub.seen) == 1


def test_the_engine_says_how_long_to_wait(chat, stub, reply, whole):
    stub.script.append(reply(429, {"error": "slow"}, {"Retry-After": "0.2"}))
    stub.script.append(reply(raw=chunked(whole)))
    start = perf_counter()
    assert list(chat.stream(ASKED)) == PARTS
    assert perf_counter() - start >= 0.2


def test_an_engine_that_wants_too_much_patience_is_not_waited_for(chat, stub, reply):
    stub.script.append(reply(429, {"error": "slow"}, {"Retry-After": "3600"}))
    assert "ask more slowly" in str(take(chat.stream(ASKED))[1])
    assert len(stub.seen) == 1


def test_a_connection_that_breaks_before_the_first_part_is_tried_again(chat, stub, reply, whole):
    stub.script.append(reply(raw=lambda handler: None))
    stub.script.append(reply(raw=chunked(end=b"")))
    stub.script.append(reply(raw=chunked(whole)))
    assert list(chat.stream(ASKED)) == PARTS
    assert len(stub.seen) == 3


def test_nothing_is_asked_again_once_text_has_come(chat, stub, reply, part, whole):
    stub.script.append(reply(raw=chunked(part("The"), part(" sky"), end=b"")))
    stub.script.append(reply(raw=chunked(whole)))
    parts, error = take(chat.stream(ASKED))
    assert parts == ["The", " sky"]
    assert isinstance(error, BrokenAnswerError)
    assert "broke off; its answer is incomplete" in str(error)
    assert len(stub.seen) == 1


@pytest.mark.parametrize("send", [chunked, until_closed])
def test_an_end_in_good_order_is_not_enough(chat, stub, reply, part, send):
    stub.script.append(reply(raw=send(part("The"), part(" sky"))))
    parts, error = take(chat.stream(ASKED))
    assert parts == ["The", " sky"]
    assert isinstance(error, BrokenAnswerError)
    assert "stopped without saying that it was done" in str(error)


def test_silence_ends_and_is_not_asked_again(hurried, stub, reply):
    stub.script.append(reply(raw=stub.hang))
    assert "did not answer within 0.2 s" in str(take(hurried.stream(ASKED))[1])
    assert stub.ticks < 100  # 2 s
    assert len(stub.seen) == 1


def test_silence_between_two_parts_ends(hurried, stub, reply, part):
    stub.script.append(reply(raw=chunked(part("The"), then=stub.hang)))
    parts, error = take(hurried.stream(ASKED))
    assert parts == ["The"]
    assert isinstance(error, BrokenAnswerError)
    assert "said nothing more for 0.2 s" in str(error)


def test_a_trickle_ends(hurried, stub, reply, part):
    def trickle(handler):
        while not stub.released.wait(0.02):
            handler.wfile.write(b"1\r\n \r\n")

    stub.script.append(reply(raw=chunked(part("The"), then=trickle)))
    parts, error = take(hurried.stream(ASKED))
    assert parts == ["The"]
    assert "said nothing more for 0.2 s" in str(error)


@pytest.mark.parametrize("hurried", [0.5], indirect=True)
def test_parts_may_be_as_long_in_coming_as_the_limit_has_it(hurried, stub, reply, part, whole):
    """The limit is for each part, not for the answer; nor does it count who reads it.

    Twelve pauses exceed it together, and each is a tenth of it, so a busy machine is in time.
    """

    def slowly(handler):
        for _ in range(12):
            stub.released.wait(0.05)
            piece = part("x")
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        handler.wfile.write(b"%x\r\n%b\r\n" % (len(whole), whole))

    stub.script.append(reply(raw=chunked(then=slowly)))
    answer = hurried.stream(ASKED)
    assert next(answer) == "x"
    stub.released.wait(0.55)
    assert list(answer) == ["x"] * 11 + PARTS


def test_a_giant_line_is_not_read(chat, stub, reply, part, impatient):
    def grow(handler):
        for _ in range(300):
            handler.wfile.write(b"%x\r\n%b\r\n" % (4096, b"x" * 4096))

    chat._api._limits = replace(impatient, max_answer_bytes=2**30)
    stub.script.append(reply(raw=chunked(part("The"), then=grow)))
    parts, error = take(chat.stream(ASKED))
    assert parts == ["The"]
    assert isinstance(error, BrokenAnswerError)
    assert "a line of over 1,048,576 bytes" in str(error)


def test_an_answer_without_end_is_not_read(chat, stub, reply, part):
    def forever(handler):
        piece = part("x" * 10_000)
        while not stub.released.is_set():
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))

    stub.script.append(reply(raw=chunked(then=forever)))
    stream = chat.stream(ASKED)
    parts, error = take(stream)
    assert len("".join(parts)) == MAX_ANSWER_CHARS
    assert error is None and stream.end_reason == "length"


def test_an_answer_that_goes_on_without_a_word_breaks_off(chat, stub, reply, part, monkeypatch):
    monkeypatch.setattr("simile.providers.remote_chat.MAX_ANSWER_S", 0.3)

    def forever(handler):
        piece = part("")
        while not stub.released.is_set():
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            sleep(0.01)

    stub.script.append(reply(raw=chunked(then=forever)))
    assert "was not done within 0.3 s" in str(take(chat.stream(ASKED))[1])


def test_what_is_packed_is_not_unpacked(chat, stub, reply, whole):
    body = gzip.compress(b" " * 20_000_000 + whole)
    stub.script.append(reply(200, body, {"Content-Encoding": "gzip"}))
    assert "packs its answer, although asked not to" in str(take(chat.stream(ASKED))[1])
    assert len(stub.seen) == 1


def test_a_refusal_that_is_a_bomb_is_not_read(chat, stub, reply):
    stub.script.append(reply(400, gzip.compress(b" " * 20_000_000), {"Content-Encoding": "gzip"}))
    assert "over 1,000,000 bytes" in str(take(chat.stream(ASKED))[1])


@pytest.mark.parametrize("junk", [b"\xff\xfe", b'{"message":{"content":"\xff"}}', b"data: {\xff}"])
def test_what_is_no_utf_8_ends_the_answer(chat, stub, reply, part, junk):
    junk = junk if junk.startswith(b"data") == isinstance(chat, OpenAIChat) else b"data: \xff"
    stub.script.append(reply(raw=chunked(part("The"), junk + b"\n\n")))
    parts, error = take(chat.stream(ASKED))
    assert parts == ["The"]
    assert isinstance(error, BrokenAnswerError)
    assert "not JSON; its answer is incomplete" in str(error)


@pytest.mark.parametrize("body", [b"", b"\n\n", b"<html>\n<body>\n", b"\xff\xff", b"{", b"[]"])
def test_what_is_no_stream_at_all_is_told_with_what_to_do(chat, stub, reply, body):
    stub.script.append(reply(200, body))
    parts, error = take(chat.stream(ASKED))
    assert parts == []
    assert "no answer that can be read" in str(error)
    assert "OLLAMA_HOST" in str(error) or "OPENAI_BASE_URL" in str(error)


def test_nobody_there_is_told_with_what_to_do(impatient):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    chat = OllamaChat("words", host=url, limits=impatient)
    with pytest.raises(RemoteEngineError, match=r"cannot be reached.*ollama serve.*OLLAMA_HOST"):
        next(chat.stream(ASKED))
    chat.close()


@pytest.mark.parametrize("how", ["close", "with", "forget", "fail"])
def test_who_takes_no_more_closes_the_connection(chat, stub, reply, part, how):
    def watch(handler):
        gone.append(bool(select.select([handler.connection], [], [], 10)[0]))
        gone.append(handler.connection.recv(1) == b"")
        stub.released.set()

    gone: list[bool] = []
    stub.script.append(reply(raw=chunked(part("The"), then=watch)))
    answer = chat.stream(ASKED)
    assert next(answer) == "The"
    if how == "close":
        answer.close()
    elif how == "with":
        with answer:
            pass
    elif how == "fail":
        with pytest.raises(ZeroDivisionError), answer:
            raise ZeroDivisionError
    del answer
    assert stub.released.wait(10)
    assert gone == [True, True]


def test_an_answer_that_is_closed_has_no_more_parts(chat, stub, reply, whole):
    stub.script.append(reply(raw=chunked(whole)))
    answer = chat.stream(ASKED)
    next(answer)
    answer.close()
    assert list(answer) == []
    assert answer.end_reason is None


def test_closing_the_model_ends_its_answers(chat, stub, reply, part):
    stub.script.append(reply(raw=chunked(part("The"), then=stub.hang)))
    answer = chat.stream(ASKED)
    assert next(answer) == "The"
    chat.close()
    with pytest.raises(EngineClosedError):
        next(answer)
    with pytest.raises(EngineClosedError):
        next(chat.stream(ASKED))
    chat.close()


def test_several_answers_at_a_time(chat, stub, reply, whole):
    stub.script.extend([reply(raw=chunked(whole)) for _ in range(20)])
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: list(chat.stream(ASKED)), range(20)))
    assert answers == [PARTS] * 20


@pytest.mark.parametrize(
    "messages",
    [[], (), "hello", Message("user", "hello"), ["hello"], [{"role": "user", "content": "hello"}]]
    + [[Message("tool", "a")], [Message("user", None)]],  # type: ignore[arg-type]
)
def test_what_is_no_conversation_is_refused_at_once(chat, stub, messages):
    with pytest.raises(InputError):
        chat.stream(messages)
    assert not stub.seen


def test_a_name_is_needed(stub):
    for name in ("", " "):
        with pytest.raises(InputError, match="expected for example ollama/llama3"):
            OllamaChat(name, host=stub.url)
        with pytest.raises(InputError, match="expected for example openai/"):
            OpenAIChat(name, base_url=stub.url, api_key=None)


@pytest.mark.parametrize(
    "remark", ["cannot answer 'a private question'", "after 'The secret answer' it failed"]
)
def test_neither_key_nor_question_nor_answer_is_told(chat, stub, reply, part, caplog, remark):
    caplog.set_level(logging.DEBUG)
    error = b'{"error": "%b"}\n\n' % remark.encode()
    error = error if isinstance(chat, OllamaChat) else b"data: " + error
    for script in (
        reply(400, {"error": remark.replace("The secret answer", "a private question")}),
        reply(raw=chunked(part("The secret"), part(" answer"), error)),
        reply(raw=chunked(part("The secret"), part(" answer")[:-4] + b"\xff\n\n")),
        reply(raw=chunked(part("The secret"), part(" answer"), end=b"")),
    ):
        stub.script.append(script)
        _, failure = take(chat.stream(ASKED))
        assert failure
        for said in (*traceback.format_exception(failure), caplog.text):
            for private in ("private question", "secret answer", "The secret", "sk-secret"):
                assert private not in said
