"""What holds for every provider."""

import asyncio
import gc
import threading
import weakref

import numpy as np
import pytest

from simile.errors import (
    EngineClosedError,
    InputError,
    NotFiniteError,
    RemoteEngineError,
)
from simile.protocols import EmbeddingEngine
from simile.providers.ollama import OllamaEmbedder

TEXTS = [f"word{n} and word{n % 7}" for n in range(200)]


def test_every_way_to_ask_gives_the_same_vectors_in_order(remote: EmbeddingEngine, fake):
    wanted = fake.embed(TEXTS, role="document")
    counted = remote.embed_counted(TEXTS, role="document")
    streamed = list(remote.embed_stream(iter(TEXTS), role="document"))
    ways = {
        "embed": remote.embed(TEXTS, role="query"),
        "counted": counted.vectors,
        "stream": np.concatenate(streamed),
        "async": asyncio.run(remote.embed_async(TEXTS, role="document")),
    }
    for vectors in ways.values():
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(vectors, wanted, atol=1e-7)
    assert max(map(len, streamed)) <= 64
    assert counted.token_counts.dtype == np.int32
    assert not counted.token_counts.any() and not counted.truncated.any()


def test_many_texts_go_in_batches(remote, stub):
    remote.embed(TEXTS, role="document")
    assert sorted(len(body["input"]) for body in stub.embeds()) == [8, 64, 64, 64]


def test_long_texts_go_in_smaller_batches(remote, stub):
    remote.embed(["x " * 50_000] * 5, role="document")
    assert sorted(len(body["input"]) for body in stub.embeds()) == [1, 2, 2]


def test_batches_are_asked_for_side_by_side(ollama, stub, reply):
    together = threading.Barrier(4, timeout=10)
    rows = {"embeddings": [[1.0] * 8] * 64}

    def answer_when_all_are_here(handler):
        together.wait()
        body = reply(body=rows).content
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    stub.script.extend(reply(raw=answer_when_all_are_here) for _ in range(4))
    assert ollama.embed(["a"] * 256, role="query").shape == (256, 8)


def test_a_stream_does_not_run_ahead_of_its_reader(remote):
    taken = []

    def texts():
        for n in range(10_000):
            taken.append(n)
            yield f"word{n}"

    stream = remote.embed_stream(texts(), role="document")
    assert len(next(stream)) == 64
    assert len(taken) <= 64 * 5
    stream.close()


def test_no_texts_give_no_vectors_of_the_right_width(remote):
    assert remote.embed([], role="document").shape == (0, 8)
    assert asyncio.run(remote.embed_async([], role="document")).shape == (0, 8)
    assert list(remote.embed_stream([], role="document")) == []


def test_width_is_asked_once_and_only_when_wanted(remote, stub):
    assert stub.seen == []
    assert (remote.dim, remote.dim) == (8, 8)
    assert len(stub.seen) == 1


def test_width_is_known_from_the_first_vectors(remote, stub):
    remote.embed(["a"], role="query")
    assert remote.dim == 8
    assert len(stub.seen) == 1


def test_vectors_of_another_width_than_before_are_refused(ollama, stub, reply):
    assert ollama.dim == 8
    stub.script.append(reply(body={"embeddings": [[1.0, 2.0]]}))
    with pytest.raises(RemoteEngineError, match="width 2 after 8"):
        ollama.embed(["a"], role="query")


def test_texts_that_utf8_cannot_carry_are_sent_all_the_same(remote, stub):
    assert np.isfinite(remote.embed(["a \ud800 b", "", "\0"], role="document")).all()
    assert stub.embeds()[0]["input"] == ["a \ufffd b", "", "\0"]


@pytest.mark.parametrize(
    ("texts", "role"), [("one", "query"), ([1], "query"), ([None], "document"), (["a"], "both")]
)
def test_what_is_no_text_or_role_is_refused_before_anything_is_sent(remote, stub, texts, role):
    with pytest.raises(InputError):
        remote.embed(texts, role=role)
    with pytest.raises(InputError):
        list(remote.embed_stream(texts, role=role))
    with pytest.raises(InputError):
        asyncio.run(remote.embed_async(texts, role=role))
    assert stub.seen == []


@pytest.mark.parametrize("name", ["", " ", "a/"])
def test_a_name_is_needed(name):
    with pytest.raises(InputError, match="names no model"):
        OllamaEmbedder(name, host="http://127.0.0.1:1")


def test_tokens_are_estimated(remote, stub):
    counts = remote.count_tokens(["", "abc", "abcd", "é", "\ud800"])
    assert counts.dtype == np.int32
    assert counts.tolist() == [0, 1, 2, 1, 1]
    assert remote.special_tokens == 2
    assert stub.seen == []


def test_a_batch_that_fails_fails_the_call(remote, stub, reply):
    stub.script.append(reply(400, {"error": "no"}))
    with pytest.raises(RemoteEngineError, match="answered 400"):
        remote.embed(TEXTS, role="document")


def test_bad_rows_come_with_the_good_ones(ollama, stub, reply, fake):
    texts = [f"word{n}" for n in range(70)]
    good = fake.embed(texts, role="document")
    rows = good[:64].tolist()
    rows[3][0] = None
    rows[63] = None
    held = reply(body={"embeddings": rows})
    stub.script.append(held)
    # The two batches may come in either order, so the first is asked for alone.
    with pytest.raises(NotFiniteError, match="2 of 64") as caught:
        ollama.embed(texts[:64], role="document")
    assert caught.value.rows == (3, 63)
    assert np.isnan(caught.value.vectors[[3, 63]]).all()
    others = [n for n in range(64) if n not in (3, 63)]
    np.testing.assert_allclose(caught.value.vectors[others], good[others], atol=1e-7)


def test_after_close_nothing_is_asked(remote, stub):
    remote.close()
    for ask in (
        lambda: remote.embed(["a"], role="query"),
        lambda: remote.dim,
        lambda: asyncio.run(remote.embed_async(["a"], role="query")),
    ):
        with pytest.raises(EngineClosedError):
            ask()
    remote.close()
    assert stub.seen == []


def test_close_ends_what_waits_for_another_try(stub, reply, impatient):
    embedder = OllamaEmbedder("words", host=stub.url, limits=impatient)
    stub.script.append(reply(503, {"error": "busy"}, {"Retry-After": "0.9"}))
    timer = threading.Timer(0.1, embedder.close)
    timer.start()
    with pytest.raises(EngineClosedError):
        embedder.embed(["a"], role="query")
    timer.join()


def test_cancelling_drops_what_was_not_sent(ollama, stub, reply):
    all_begun = threading.Barrier(5, timeout=10)

    def answer_later(handler):
        all_begun.wait()
        stub.released.wait(20)
        body = reply(body={"embeddings": [[1.0] * 8] * 64}).content
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    stub.script.extend(reply(raw=answer_later) for _ in range(4))

    async def give_up():
        asked = asyncio.create_task(ollama.embed_async(["a"] * 640, role="document"))
        await asyncio.to_thread(all_begun.wait)
        asked.cancel()
        await asked

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(give_up())
    stub.released.set()
    # This goes out after whatever was not dropped.
    ollama.embed(["later"], role="document")
    assert [len(body["input"]) for body in stub.embeds()] == [64, 64, 64, 64, 1]


def test_an_embedder_that_is_forgotten_ends_its_threads(stub, impatient):
    before = threading.active_count()
    embedder = OllamaEmbedder("words", host=stub.url, limits=impatient)
    embedder.embed(TEXTS, role="document")
    gone = weakref.ref(embedder)
    threads = [thread for thread in threading.enumerate() if thread.name == "simile-remote"]
    assert threads and threading.active_count() > before
    del embedder
    gc.collect()
    for thread in threads:
        thread.join(5)
    assert gone() is None
    assert not any(thread.is_alive() for thread in threads)
