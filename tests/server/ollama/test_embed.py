import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from simile.errors import ModelNameError, ModelNotFoundError, NotFiniteError
from simile.models.facts import ModelFacts
from simile.server.embedding import Embedded, EmbedRequest
from simile.server.errors import BodyError, OptionError
from simile.server.gojson.options import window_of
from simile.server.model_names import AskedModel, read_model
from simile.server.ollama.embed import (
    parse_embed,
    parse_embeddings,
    render_embed,
    render_embeddings,
)
from simile.server.vectors import BLOCK_ROWS
from simile.types import EmbedResult


def embedded(rows: Any, facts: ModelFacts, *, tokens: int = 4) -> Embedded:
    vectors = np.array(rows, np.float32)
    counts = np.full(len(vectors), tokens, np.int32)
    result = EmbedResult(vectors, counts, np.zeros(len(vectors), np.bool_))
    return Embedded(result, facts, load_ns=1019500, total_ns=14143917)


def whole(body: bytes | Iterator[bytes]) -> bytes:
    return body if isinstance(body, bytes) else b"".join(body)


def parse(**fields: Any) -> EmbedRequest:
    return parse_embed(json.dumps({"model": "m", **fields}).encode())


def refusal(call: Callable[..., object], *args: bytes, **fields: Any) -> str:
    with pytest.raises((BodyError, ModelNameError, ModelNotFoundError)) as caught:
        call(*args, **fields)
    return str(caught.value)


def test_every_field_is_read():
    request = parse(
        input=["a", "b"],
        truncate=False,
        dimensions=3,
        keep_alive="1m",
        options={"num_ctx": 4},
        input_type="query",
    )
    assert request == EmbedRequest(
        model=read_model("m"),
        texts=["a", "b"],
        truncate=False,
        dimensions=3,
        keep_alive_s=60.0,
        options={"num_ctx": 4},
        input_type="query",
    )


def test_defaults():
    assert parse(input="a") == EmbedRequest(model=read_model("m"), texts=("a",))
    assert parse(input="a", truncate=None, dimensions=None, keep_alive=None, options=None) == parse(
        input="a"
    )


@pytest.mark.parametrize("fields", [{}, {"input": None}, {"input": ""}, {"input": []}])
def test_empty_input_is_no_text(fields):
    assert not parse(**fields).texts


def test_an_array_with_an_empty_text_is_one_text():
    assert parse(input=[""]).texts == [""]


@pytest.mark.parametrize("value", [0, 1, 1.5, True, False, {}, [1], ["a", 1], ["a", None], [["a"]]])
def test_input_of_another_type_is_refused(value):
    assert refusal(parse, input=value) == "invalid input type"


@pytest.mark.parametrize("model", ["", " ", "\t "])
def test_a_blank_model_is_not_found_and_comes_back_as_sent(model):
    body = json.dumps({"model": model, "input": 1}).encode()
    with pytest.raises(ModelNotFoundError) as caught:
        parse_embed(body)
    assert str(caught.value) == f"model '{model}' not found"


@pytest.mark.parametrize(
    "model", ["a/b/c/d/e", "-x", "a b", "x:", "./folder", "model.gguf", "/etc"]
)
def test_what_is_no_name_is_refused_before_the_input(model):
    with pytest.raises(ModelNameError):
        parse_embed(json.dumps({"model": model, "input": 1}).encode())


def test_a_wrong_type_comes_before_the_model():
    assert refusal(parse_embed, b'{"dimensions":1.5}').startswith("json: cannot unmarshal")


def test_keep_alive_is_told_before_the_input():
    assert refusal(parse, input=1, keep_alive="5") == 'time: missing unit in duration "5"'


@pytest.mark.parametrize("value", ["passage", 1, ""])
def test_an_unknown_input_type_is_refused(value):
    assert "input_type" in refusal(parse, input_type=value)


@pytest.mark.parametrize(
    ("options", "window"),
    [
        ({}, None),
        ({"num_ctx": None}, None),
        ({"num_ctx": 3.9}, 3),
        ({"num_ctx": -1, "temperature": 1, "stop": [], "use_mmap": True}, -1),
        ({"num_ctx": 8, "numa": "x", "low_vram": 3}, 8),
    ],
)
def test_options_give_the_window(options, window):
    assert window_of(options) == window


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("num_ctx", "8", "integer"),
        ("num_ctx", True, "integer"),
        ("seed", [], "integer"),
        ("temperature", "hot", "float32"),
        ("use_mmap", 1, "boolean"),
        ("stop", "x", "array"),
    ],
)
def test_an_option_of_the_wrong_type_is_refused(name, value, kind):
    with pytest.raises(OptionError) as caught:
        window_of({name: value})
    assert str(caught.value) == f'option "{name}" must be of type {kind}'


def test_the_answer_has_the_published_keys_and_order(facts):
    request = EmbedRequest(model=read_model("all-minilm"), texts=("a",))
    assert render_embed(request, embedded([[0.6, 0.8, 0]], facts, tokens=8)) == (
        b'{"model":"all-minilm","embeddings":[[0.6,0.8,0]],'
        b'"total_duration":14143917,"load_duration":1019500,"prompt_eval_count":8}'
    )


def test_no_input_answers_with_no_other_keys(facts):
    request = EmbedRequest(model=AskedModel("a<b", "a<b"))
    nothing = Embedded(None, facts, load_ns=5, total_ns=6)
    assert render_embed(request, nothing) == b'{"model":"a\\u003cb","embeddings":[]}'


def test_vectors_have_length_one_before_and_after_the_cut(facts):
    request = EmbedRequest(model=read_model("m"), dimensions=2)
    answer = json.loads(whole(render_embed(request, embedded([[3, 4, 12], [0, 0, 0]], facts))))
    assert answer["embeddings"][0] == pytest.approx([0.6, 0.8])
    assert answer["embeddings"][1] == [0, 0]


@pytest.mark.parametrize("dimensions", [-5, 0, 3, 4, 10**9])
def test_dimensions_that_cut_nothing_give_the_whole_vector(facts, dimensions):
    request = EmbedRequest(model=read_model("m"), dimensions=dimensions)
    answer = json.loads(whole(render_embed(request, embedded([[3, 4, 12]], facts))))
    assert answer["embeddings"][0] == pytest.approx([3 / 13, 4 / 13, 12 / 13])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_vector_that_is_not_finite_is_an_error(facts, value):
    with pytest.raises(NotFiniteError):
        render_embed(EmbedRequest(model=read_model("m")), embedded([[1, 0], [value, 0]], facts))
    with pytest.raises(NotFiniteError):
        render_embeddings(embedded([[value, 0]], facts))


def test_a_long_answer_comes_in_pieces_that_join_to_the_same(facts):
    rows = BLOCK_ROWS + 7
    vectors = np.random.default_rng(0).normal(size=(rows, 4)).astype(np.float32)
    pieces = render_embed(EmbedRequest(model=read_model("m")), embedded(vectors, facts))
    assert not isinstance(pieces, bytes)
    answer = json.loads(whole(pieces))
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    assert np.array(answer["embeddings"]) == pytest.approx(vectors / lengths, abs=1e-6)
    assert answer["prompt_eval_count"] == 4 * rows


def test_the_older_route_reads_a_prompt_and_never_truncates():
    request = parse_embeddings(
        b'{"model":"m","prompt":"p","truncate":true,"dimensions":"x","input":5,"keep_alive":0}'
    )
    assert request == EmbedRequest(
        model=read_model("m"), texts=("p",), truncate=False, keep_alive_s=0.0
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"prompt":"p"}', "model is required"),
        (b'{"model":"","prompt":"p"}', "model is required"),
        (
            b'{"model":"m","prompt":["p"]}',
            "json: cannot unmarshal array into Go struct field EmbeddingRequest.prompt"
            " of type string",
        ),
    ],
)
def test_the_older_route_refuses(body, message):
    assert refusal(parse_embeddings, body) == message


def test_the_older_route_prints_float64_of_length_one(facts):
    answer = render_embeddings(embedded([[3, 4]], facts))
    assert answer == b'{"embedding":[0.6000000238418579,0.800000011920929]}'
    assert render_embeddings(Embedded(None, facts, 1, 1)) == b'{"embedding":[]}'
