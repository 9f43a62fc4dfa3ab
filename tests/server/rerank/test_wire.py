"""The shapes of rerank requests and answers, without a server."""

import json
import math
from typing import Any

import numpy as np
import pytest

from simile.errors import ModelNameError, NotFiniteError
from simile.server.errors import BodyError, EmptyInputError
from simile.server.rerank.wire import RerankRequest, parse_rerank, render_rerank, render_texts
from simile.types import RerankResult


def parse(**fields: Any) -> RerankRequest:
    return parse_rerank(json.dumps({"query": "sky", **fields}).encode())


def result(*scores: float) -> RerankResult:
    count = len(scores)
    return RerankResult(
        np.array(scores, np.float32), np.full(count, 5, np.int32), np.zeros(count, np.bool_)
    )


def read(body: Any) -> Any:
    return json.loads(body if isinstance(body, bytes) else b"".join(body))


def render(request: RerankRequest, *scores: float) -> Any:
    return read(render_rerank(request, result(*scores), model="m", id="7", version="2"))


def test_documents_and_texts_are_strings_or_objects_with_a_text():
    for name in ("documents", "texts"):
        request = parse(**{name: ["a", {"text": "b", "title": "c"}]})
        assert (request.texts, request.has_texts) == (["a", "b"], name == "texts")
    assert parse(documents=["a"], texts=["b"]).texts == ["a"]


def test_objects_are_read_by_their_rank_fields():
    documents = [{"title": "a", "text": "b", "year": 3}, {"text": "c"}]
    request = parse(documents=documents, rank_fields=["title", "year", "text"])
    assert request.texts == ["a\nb", "c"]
    assert render(parse(documents=documents, return_documents=True), 1, 0)["results"][0][
        "document"
    ] == {"title": "a", "text": "b", "year": 3}


@pytest.mark.parametrize(
    ("fields", "top_k"),
    [
        ({}, None),
        ({"top_n": 2}, 2),
        ({"top_k": 3}, 3),
        ({"top_n": 2, "top_k": 3}, 2),
        ({"top_n": 0}, None),
        ({"top_n": None}, None),
    ],
)
def test_how_many_are_wanted(fields, top_k):
    assert parse(documents=["a"], **fields).top_k == top_k


def test_flags_have_two_names_and_unknown_fields_are_passed_over():
    assert parse(texts=["a"], return_text=True).returns_documents
    assert parse(documents=["a"], return_documents=True).returns_documents
    assert not parse(documents=["a"], truncation=False).truncate
    assert not parse(documents=["a"], truncate=False).truncate
    request = parse(documents=["a"], priority=3, max_tokens_per_doc=9, truncation_direction="Right")
    assert (request.truncate, request.raw_scores, request.model.text) == (True, False, "")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"query": None, "documents": ["a"]}, "query is required"),
        ({"query": "", "documents": ["a"]}, "query is required"),
        ({}, "documents is required"),
        ({"documents": "a"}, "documents: expected an array"),
        ({"documents": ["a", 3]}, r"documents\[1\]: expected a string or an object"),
        ({"documents": [{"image": "x"}]}, r"documents\[0\]: expected"),
        ({"documents": ["a"], "texts": [3]}, r"texts\[0\]: expected"),
        ({"documents": ["a"], "top_n": -1}, "top_n is -1; expected 1 or more, or 0 for all"),
        ({"documents": ["a"], "rank_fields": "title"}, "rank_fields: expected an array"),
        ({"documents": ["a"], "truncation_direction": "left"}, 'expected "right"'),
        ({"documents": ["a"], "query": 3}, "cannot unmarshal number into .*query of type string"),
    ],
)
def test_what_cannot_be_read_is_told(fields, message):
    with pytest.raises(BodyError, match=message):
        parse(**fields)


@pytest.mark.parametrize("name", ["documents", "texts"])
def test_an_empty_list_is_an_error_of_its_own(name):
    with pytest.raises(EmptyInputError, match=f"{name} is empty"):
        parse(**{name: []})


def test_a_path_is_no_model():
    with pytest.raises(ModelNameError):
        parse(model="/etc", documents=["a"])


def test_the_answer_has_what_the_clients_of_cohere_jina_and_vllm_read():
    assert render(parse(documents=["a", "b", "c"]), 0.25, 0.75, 0.5) == {
        "id": "rerank-7",
        "object": "list",
        "model": "m",
        "results": [
            {"index": 1, "relevance_score": 0.75},
            {"index": 2, "relevance_score": 0.5},
            {"index": 0, "relevance_score": 0.25},
        ],
        "usage": {"prompt_tokens": 15, "total_tokens": 15},
        "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}},
    }


def test_equal_scores_keep_their_order_and_only_the_best_are_answered():
    answer = render(parse(documents=["a", "b", "c"], top_n=2, return_documents=True), 0.5, 1, 0.5)
    assert answer["results"] == [
        {"index": 1, "relevance_score": 1, "document": {"text": "b"}},
        {"index": 0, "relevance_score": 0.5, "document": {"text": "a"}},
    ]


def test_texts_are_answered_as_by_text_embeddings_inference():
    request = parse(texts=["a", {"text": "b"}], return_text=True)
    assert read(render_texts(request, result(0.25, 0.5))) == [
        {"index": 1, "score": 0.5, "text": "b"},
        {"index": 0, "score": 0.25, "text": "a"},
    ]


@pytest.mark.parametrize("count", [1, 256, 257, 600])
def test_a_long_answer_comes_in_pieces_and_is_the_same(count):
    scores = np.random.default_rng(0).permutation(count) / 1024
    request = parse(documents=["a"] * count)
    body = render_rerank(request, result(*scores), model="m", id="", version="1")
    assert isinstance(body, bytes) == (count <= 256)
    answer = read(body)
    assert [entry["index"] for entry in answer["results"]] == list(np.argsort(-scores))
    assert answer["meta"]["billed_units"]["search_units"] == -(-count // 100)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_scores_that_are_no_numbers_are_an_error(bad):
    with pytest.raises(NotFiniteError) as caught:
        render(parse(documents=["a", "b"]), 0.5, bad)
    assert caught.value.rows == (1,)
