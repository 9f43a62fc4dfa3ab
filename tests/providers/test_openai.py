import pytest

from simile.errors import (
    ConfigError,
    ModelNotFoundError,
    NotFiniteError,
    RemoteEngineError,
    TextTooLongError,
)
from simile.protocols import EmbeddingModel
from simile.providers.openai import OpenAIEmbedder


def entries(*embeddings, indexes=None):
    indexes = range(len(embeddings)) if indexes is None else indexes
    pairs = zip(indexes, embeddings, strict=True)
    return {"data": [{"index": index, "embedding": embedding} for index, embedding in pairs]}


def test_it_is_an_embedding_model(openai):
    model: EmbeddingModel = openai
    assert (model.name, model.dim, model.max_tokens) == ("openai/words", 8, 8191)
    assert len(model.fingerprint) == 32 and int(model.fingerprint, 16)


def test_what_is_sent(openai, stub):
    openai.embed(["a b"], role="query")
    [seen] = stub.seen
    assert (seen.method, seen.path) == ("POST", "/v1/embeddings")
    assert seen.body == {"model": "words", "input": ["a b"], "encoding_format": "base64"}
    assert seen.headers["authorization"] == "Bearer sk-secret"


def test_numbers_are_taken_where_base64_was_asked_for(openai, stub, reply):
    stub.script.append(reply(body=entries([1, 0.5], [2, 1.5])))
    assert openai.embed(["a", "b"], role="query").tolist() == [[1, 0.5], [2, 1.5]]


def test_vectors_are_put_in_the_order_of_the_texts(openai, stub, reply):
    stub.script.append(reply(body=entries([1], [2], [0], indexes=[1, 2, 0])))
    assert openai.embed(["a", "b", "c"], role="query").tolist() == [[0], [1], [2]]


@pytest.mark.parametrize("indexes", [[0, 0], [1, 2], ["0", "1"], [0, None], [-1, 0], [0, 0.5]])
def test_an_index_that_is_wrong_is_refused(openai, stub, reply, indexes):
    stub.script.append(reply(body=entries([1], [2], indexes=indexes)))
    with pytest.raises(RemoteEngineError, match="index is not 0 to 1"):
        openai.embed(["a", "b"], role="query")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ([], "without a list"),
        ({"data": None}, "without a list"),
        ({"data": ["x", "y"]}, "no object"),
        (entries([1]), "1 vectors for 2 texts"),
        (entries("AAAAAA==", "AAAA"), "no base64"),
        (entries("AAAAAA==", "A*AA"), "no base64"),
        (entries("AAAAAA==", "AAAAAAAAAAA="), r"unequal widths: \[1, 2\]"),
        (entries("", ""), "without numbers"),
    ],
)
def test_an_answer_that_is_not_one_vector_per_text_is_refused(openai, stub, reply, body, said):
    stub.script.append(reply(body=body))
    with pytest.raises(RemoteEngineError, match=said):
        openai.embed(["a", "b"], role="query")


def test_what_is_not_finite_is_found_in_base64(openai, stub, reply):
    stub.script.append(reply(body=entries("AAAAAA==", "AADAfw==")))
    with pytest.raises(NotFiniteError) as caught:
        openai.embed(["a", "b"], role="query")
    assert caught.value.rows == (1,)


def test_openai_itself_wants_a_key():
    for url in ("https://api.openai.com/v1", "https://api.openai.com/v1/"):
        with pytest.raises(ConfigError, match=r"OPENAI_API_KEY is not set.*OPENAI_BASE_URL"):
            OpenAIEmbedder("words", base_url=url, api_key=None)


def test_other_servers_need_no_key(stub, impatient):
    embedder = OpenAIEmbedder("words", base_url=f"{stub.url}/v1/", api_key=None, limits=impatient)
    assert embedder.dim == 8
    assert "authorization" not in stub.seen[0].headers
    embedder.close()


@pytest.mark.parametrize("key", ["sk-\nx", "sk-ü", "sk-x "])
def test_a_key_that_no_header_can_carry_is_refused_unseen(key):
    with pytest.raises(ConfigError) as caught:
        OpenAIEmbedder("words", base_url="http://127.0.0.1:1", api_key=key)
    assert "sk-" not in str(caught.value)


def test_a_key_that_is_refused_is_not_shown(openai, stub, reply):
    words = "Incorrect API key provided: sk-se***ret."
    stub.script.append(reply(401, {"error": {"message": words}}))
    with pytest.raises(RemoteEngineError, match=r"401.*another key.*OPENAI_API_KEY") as caught:
        openai.embed(["a"], role="query")
    assert "sk-" not in str(caught.value)
    assert len(stub.seen) == 1


def test_an_unknown_model_is_told_from_a_wrong_address(openai, stub, reply):
    stub.script.append(reply(404, {"error": {"message": "The model `words` does not exist"}}))
    with pytest.raises(ModelNotFoundError, match="'words'"):
        openai.embed(["a"], role="query")
    stub.script.append(reply(404, b"<h1>Not Found</h1>"))
    with pytest.raises(RemoteEngineError, match=r"404.*OPENAI_BASE_URL"):
        openai.embed(["a"], role="query")


def test_a_text_that_is_too_long_says_so(openai, stub, reply):
    words = "This model's maximum context length is 8192 tokens, however you requested 9000 tokens."
    stub.script.append(reply(400, {"error": {"message": words}}))
    with pytest.raises(TextTooLongError):
        openai.embed(["a"], role="query")
