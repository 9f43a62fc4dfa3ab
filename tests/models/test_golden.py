"""Every architecture agrees with stored vectors of the reference implementation."""

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from simile.engine.embedder import LocalEmbedder
from simile.hub.plain_folder import open_folder

GOLDEN = Path(__file__).parent.parent / "golden"
SHARED = {
    "modernbert-4": "modernbert",
    "new": "gte",
    "nomic-bert-own-words": "nomic-bert",
    "onnx-bert": "bert-plain",
}
"""Folders that say the same as another in other words, and so give its vectors."""
FOLDERS = [
    *sorted(path.parent.name for path in GOLDEN.glob("*/modules.json")),
    pytest.param("all-minilm", marks=pytest.mark.real),
]
ELEMENT = {"f32": 1e-5, "bf16": None}
"""Largest difference of an element, as part of the vector's length."""
COSINE = {"f32": 0.99999, "bf16": 0.9999}


def has_bf16() -> bool:
    from openvino import Core

    return "BF16" in Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


@pytest.fixture(scope="module", params=FOLDERS)
def folder(request) -> str:
    return cast(str, request.param)


@pytest.fixture(scope="module")
def expected(folder) -> dict[str, Any]:
    path = GOLDEN / SHARED.get(folder, folder) / "expected.json"
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


@pytest.fixture(scope="module", params=["f32", "bf16"])
def embedder(request, folder):
    if request.param == "bf16" and not has_bf16():
        pytest.skip("this CPU has no bf16 instructions")
    if folder == "all-minilm":
        model = request.getfixturevalue("all_minilm")
    else:
        model = open_folder(str(GOLDEN / folder))
    loaded = LocalEmbedder(model, precision=request.param)
    yield loaded
    loaded.close()


def texts_of(expected) -> list[str]:
    return [case["text"] * case["repeat"] for case in expected["cases"]]


def roles_of(expected) -> list[str]:
    return [role for role in ("document", "query", "none") if role in expected["cases"][0]]


def ask(embedder, texts, role):
    if role == "none":
        return embedder.submit(texts).result(timeout=60)
    return embedder.embed_counted(texts, role=role)


def check(embedder, got, wanted) -> None:
    vectors = np.array([case["vector"] for case in wanted])
    lengths = np.linalg.norm(vectors, axis=1)
    cosine = (got * vectors).sum(axis=1) / (np.linalg.norm(got, axis=1) * lengths)
    assert cosine.min() >= COSINE[embedder.precision]
    if (part := ELEMENT[embedder.precision]) is not None:
        assert (np.abs(got - vectors).max(axis=1) / lengths).max() <= part


def test_vectors_of_one_call_are_the_references(embedder, expected):
    for role in roles_of(expected):
        got = ask(embedder, texts_of(expected), role)
        assert got.vectors.dtype == np.float32
        assert got.vectors.shape == (len(expected["cases"]), expected["dim"])
        check(embedder, got.vectors, [case[role] for case in expected["cases"]])


def test_vectors_of_each_text_alone_are_the_references(embedder, expected):
    for role in roles_of(expected):
        got = [ask(embedder, [text], role).vectors[0] for text in texts_of(expected)]
        check(embedder, np.array(got), [case[role] for case in expected["cases"]])


def test_a_query_has_the_documents_vector_where_the_model_has_no_prompts(embedder, expected):
    if "query" in expected["cases"][0]:
        assert expected["prompts"]["query"]
        return
    got = ask(embedder, texts_of(expected), "query")
    check(embedder, got.vectors, [case["document"] for case in expected["cases"]])


def test_tokens_are_counted_and_cut_as_by_the_reference(embedder, expected):
    for role in roles_of(expected):
        got = ask(embedder, texts_of(expected), role)
        wanted = [case[role] for case in expected["cases"]]
        assert got.token_counts.tolist() == [case["tokens"] for case in wanted]
        cut = [case["tokens"] < case["tokens_uncut"] for case in wanted]
        assert got.truncated.tolist() == cut
        assert any(cut)


def test_dim_window_and_prompts_are_the_references(embedder, expected):
    assert embedder.dim == expected["dim"]
    assert embedder.max_tokens == expected["max_tokens"]
    for role, prefix in expected["prompts"].items():
        if role != "none":
            assert embedder.facts.prefix(role) == prefix
