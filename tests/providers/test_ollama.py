import numpy as np
import pytest

from simile.errors import (
    ModelNotFoundError,
    NotFiniteError,
    RemoteEngineError,
    TextTooLongError,
)
from simile.protocols import EmbeddingModel
from simile.providers.ollama import OllamaEmbedder


def test_it_is_an_embedding_model(ollama):
    model: EmbeddingModel = ollama
    assert (model.name, model.dim, model.max_tokens) == ("ollama/words", 8, 256)
    assert len(model.fingerprint) == 32 and int(model.fingerprint, 16)


def test_what_is_sent(ollama, stub):
    ollama.embed(["a b"], role="query")
    [seen] = stub.seen
    assert (seen.method, seen.path) == ("POST", "/api/embed")
    assert seen.body == {"model": "words", "input": ["a b"], "truncate": True}
    assert "authorization" not in seen.headers


@pytest.mark.parametrize(
    ("info", "parameters", "tokens"),
    [
        ({"bert.context_length": 512}, None, 512),
        ({"bert.context_length": 512}, "num_ctx    256", 256),
        ({"nomic-bert.context_length": 2048}, "stop  a\nnum_ctx   8192\nseed 1", 2048),
        ({"qwen3.context_length": 40960}, 'stop "num_ctx 3"', 40960),
    ],
)
def test_window_is_the_lesser_of_context_length_and_num_ctx(ollama, stub, info, parameters, tokens):
    stub.show = {"model_info": info, "parameters": parameters}
    assert ollama.max_tokens == ollama.max_tokens == tokens
    assert len(stub.seen) == 1


@pytest.mark.parametrize("show", [{}, {"model_info": {}}, {"model_info": None}, [], "x"])
def test_a_window_that_is_not_told_is_an_error(ollama, stub, show):
    stub.show = show
    with pytest.raises(RemoteEngineError, match="context length"):
        _ = ollama.max_tokens


def test_fingerprint_follows_the_digest(ollama, stub, impatient):
    def fingerprint(name="words"):
        embedder = OllamaEmbedder(name, host=stub.url, limits=impatient)
        try:
            return embedder.fingerprint
        finally:
            embedder.close()

    assert ollama.fingerprint == fingerprint() == fingerprint("Words:latest")
    stub.tags = {"models": [{"name": "words:latest", "digest": "another"}]}
    assert fingerprint() != ollama.fingerprint


@pytest.mark.parametrize("tags", [{"models": []}, {"models": None}, {}, {"models": [{}]}])
def test_a_model_that_is_not_in_the_list_is_not_there(ollama, stub, tags):
    stub.tags = tags
    with pytest.raises(ModelNotFoundError, match="ollama pull words"):
        _ = ollama.fingerprint


def test_an_unknown_model_names_the_command(stub, impatient):
    embedder = OllamaEmbedder("nope:v1", host=stub.url, limits=impatient)
    for ask in (lambda: embedder.dim, lambda: embedder.max_tokens):
        with pytest.raises(ModelNotFoundError, match="ollama pull nope:v1"):
            ask()
    embedder.close()


def test_a_404_of_something_else_is_no_unknown_model(ollama, stub, reply):
    stub.script.append(reply(404, b"404 page not found"))
    with pytest.raises(RemoteEngineError, match=r"answered 404.*OLLAMA_HOST"):
        ollama.embed(["a"], role="query")


def test_declined_truncation_reaches_ollama(ollama, stub, reply):
    stub.script.append(reply(400, {"error": "the input length exceeds the context length"}))
    with pytest.raises(TextTooLongError):
        ollama.embed(["a"], role="query", truncate=False)
    assert stub.embeds()[0]["truncate"] is False


def test_texts_for_which_ollama_computes_nan_are_found(ollama, stub, reply, fake):
    """Ollama refuses a whole request for one text."""
    usual = stub.answer

    def answer(request):
        if "bad" in (request.body or {}).get("input", []):
            return reply(400, {"error": "embedding contains NaN or Inf values"})
        return usual(request)

    stub.answer = answer
    texts = ["a", "b", "bad", "c", "d"]
    with pytest.raises(NotFiniteError) as caught:
        ollama.embed(texts, role="document")
    assert caught.value.rows == (2,)
    good = [0, 1, 3, 4]
    np.testing.assert_allclose(
        caught.value.vectors[good], fake.embed(texts, role="document")[good], atol=1e-7
    )
    with pytest.raises(NotFiniteError, match="1 of 1"):
        ollama.embed(["bad"], role="document")


def test_a_model_that_computes_nothing_but_nan_is_an_error(ollama, stub, reply):
    stub.answer = lambda _: reply(400, {"error": "embedding contains NaN or Inf values"})
    with pytest.raises(RemoteEngineError, match="NaN"):
        ollama.embed(["a", "b"], role="document")


@pytest.mark.parametrize("value", ["null", "NaN", "Infinity", "1e999", "1e39"])
def test_what_is_not_finite_is_found(ollama, stub, reply, value):
    stub.script.append(reply(body=b'{"embeddings": [[1, 2], [0.5, %b]]}' % value.encode()))
    with pytest.raises(NotFiniteError, match="1 of 2 texts, the first is text 1") as caught:
        ollama.embed(["a", "b"], role="document")
    assert caught.value.rows == (1,)
    assert caught.value.vectors[0].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ([], "without a list"),
        ({}, "without a list"),
        ({"embeddings": None}, "without a list"),
        ({"embeddings": [[1, 2]]}, "1 vectors for 2 texts"),
        ({"embeddings": [[1], [1], [1]]}, "3 vectors for 2 texts"),
        ({"embeddings": [[1, 2], [1]]}, r"unequal widths: \[1, 2\]"),
        ({"embeddings": [[], []]}, "without numbers"),
        ({"embeddings": [None, None]}, "without numbers"),
        ({"embeddings": [[1], 1]}, "no list of numbers"),
        ({"embeddings": [[1], ["1"]]}, "no list of numbers"),
        ({"embeddings": [[1], [[1]]]}, "no list of numbers"),
        ({"embeddings": [[1], [{}]]}, "no list of numbers"),
        ({"embeddings": [[1], [True]]}, "no list of numbers"),
        ({"embeddings": [[1], [10**400]]}, "no list of numbers"),
    ],
)
def test_an_answer_that_is_not_one_vector_per_text_is_refused(ollama, stub, reply, body, said):
    stub.script.append(reply(body=body))
    with pytest.raises(RemoteEngineError, match=said):
        ollama.embed(["a", "b"], role="document")
