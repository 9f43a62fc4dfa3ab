import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from simile.errors import ModelNameError, ModelNotFoundError
from simile.models.facts import ModelFacts
from simile.server.embedding import Embedded, EmbedRequest
from simile.server.errors import BodyError
from simile.server.model_names import read_model
from simile.server.openai.wire import parse_embeddings, render_embeddings, render_models
from simile.server.vectors import BLOCK_ROWS
from simile.types import EmbedResult


def embedded(rows: Any, facts: ModelFacts) -> Embedded:
    vectors = np.array(rows, np.float32)
    counts = np.full(len(vectors), 3, np.int32)
    return Embedded(EmbedResult(vectors, counts, np.zeros(len(vectors), np.bool_)), facts, 1, 2)


def whole(body: bytes | Iterator[bytes]) -> bytes:
    return body if isinstance(body, bytes) else b"".join(body)


def parse(**fields: Any) -> EmbedRequest:
    return parse_embeddings(json.dumps({"model": "m", **fields}).encode())


@pytest.mark.parametrize(
    ("value", "texts", "token_ids"),
    [
        ("a", ("a",), ()),
        ("", ("",), ()),
        (["a", ""], ["a", ""], ()),
        ([1, 2], (), ([1, 2],)),
        ([[1, 2], [3]], (), [[1, 2], [3]]),
    ],
)
def test_input_is_texts_or_token_ids(value, texts, token_ids):
    assert parse(input=value) == EmbedRequest(
        model=read_model("m"), texts=texts, token_ids=token_ids
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "invalid input"),
        ([], "invalid input"),
        (5, "invalid input type"),
        ({}, "invalid input type"),
        (True, "invalid input type"),
        ([True], "invalid input type"),
        ([1, "a"], "invalid input type"),
        ([1.5], "invalid input type"),
        ([[]], "invalid input type"),
        ([[1], "a"], "invalid input type"),
        ([["a"]], "invalid input type"),
        ([None], "invalid input type"),
    ],
)
def test_other_input_is_refused(value, message):
    with pytest.raises(BodyError) as caught:
        parse(input=value)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("value", "is_base64"),
    [(None, False), ("", False), ("float", False), ("FLOAT", False), ("Base64", True)],
)
def test_encoding_format_in_any_case(value, is_base64):
    assert parse(input="a", encoding_format=value).base64 is is_base64


def test_an_unknown_encoding_format_is_told_before_the_rest():
    with pytest.raises(BodyError) as caught:
        parse(encoding_format="json", model="")
    assert str(caught.value) == (
        "Invalid value for 'encoding_format' = json. Supported values: ['float', 'base64']."
    )


def test_the_model_is_told_before_the_type_of_input():
    with pytest.raises(ModelNotFoundError, match=r"^model '' not found$"):
        parse(model="", input=5)
    with pytest.raises(ModelNameError):
        parse(model="a b", input=5)


def test_additions_of_ours():
    request = parse(input="a", truncate=False, input_type="document", dimensions=2)
    assert (request.truncate, request.input_type, request.dimensions) == (False, "document", 2)
    assert parse(input="a", truncate="END", keep_alive=[], options=5, user=1).truncate is True


@pytest.mark.parametrize("user", ["alice", 1, None, {}, []])
def test_the_user_is_nobodys_business(user):
    assert parse(input="a", user=user) == parse(input="a")


def test_whole_floats_are_token_ids():
    assert parse(input=[1, 2.0]).token_ids == ([1, 2],)
    assert parse(input=[[1.0], [2]]).token_ids == [[1], [2]]
    with pytest.raises(BodyError, match=r"^invalid input type$"):
        parse(input=[[1.5]])


@pytest.mark.parametrize("dimensions", ["2", 1.5, True, [], {}, 2**63])
def test_dimensions_that_are_no_number_are_refused(dimensions):
    with pytest.raises(BodyError, match=r"EmbedRequest\.dimensions of type int"):
        parse(input="a", dimensions=dimensions)


@pytest.mark.parametrize("dimensions", [-1, 0, 3, 4, 10**6])
def test_dimensions_beyond_the_vector_leave_it_whole(facts, dimensions):
    request = EmbedRequest(model=read_model("m"), dimensions=dimensions)
    answer = json.loads(whole(render_embeddings(request, embedded([[3, 0, 4]], facts))))
    assert answer["data"][0]["embedding"] == pytest.approx([0.6, 0, 0.8])


@pytest.mark.parametrize("input_type", ["Query", "search_query", "", 1, True, []])
def test_an_input_type_of_another_kind_is_refused(input_type):
    with pytest.raises(BodyError, match='expected "query" or "document"'):
        parse(input="a", input_type=input_type)


def test_the_answer_has_the_published_keys_and_order(facts):
    request = EmbedRequest(model=read_model("all-minilm"))
    assert render_embeddings(request, embedded([[3, 4], [1, 0]], facts)) == (
        b'{"object":"list","data":[{"object":"embedding","embedding":[0.6,0.8],"index":0},'
        b'{"object":"embedding","embedding":[1,0],"index":1}],"model":"all-minilm",'
        b'"usage":{"prompt_tokens":6,"total_tokens":6}}\n'
    )


def test_base64_is_little_endian_float32(facts):
    request = EmbedRequest(model=read_model("m"), base64=True, dimensions=2)
    answer = json.loads(whole(render_embeddings(request, embedded([[3, 4, 9]], facts))))
    raw = base64.b64decode(answer["data"][0]["embedding"], validate=True)
    assert np.frombuffer(raw, "<f4") == pytest.approx([0.6, 0.8])


@pytest.mark.parametrize("is_base64", [False, True])
def test_a_long_answer_comes_in_pieces_that_join_to_the_same(facts, is_base64):
    rows = 2 * BLOCK_ROWS + 1
    request = EmbedRequest(model=read_model("m"), base64=is_base64)
    pieces = render_embeddings(request, embedded(np.ones((rows, 2)), facts))
    assert not isinstance(pieces, bytes)
    answer = json.loads(whole(pieces))
    assert [entry["index"] for entry in answer["data"]] == list(range(rows))
    assert answer["usage"] == {"prompt_tokens": 3 * rows, "total_tokens": 3 * rows}


def test_models(model):
    created = int(datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC).timestamp())
    assert render_models([model]) == (
        b'{"object":"list","data":[{"id":"all-minilm:latest","object":"model","created":%d,'
        b'"owned_by":"library"}]}\n' % created
    )
    assert render_models([]) == b'{"object":"list","data":null}\n'
