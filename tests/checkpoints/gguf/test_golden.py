"""GGUF files give the tokens and vectors that llama.cpp gives for them."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.opened import encoder_of

from simile.engine.embedder import LocalEmbedder
from simile.hub.plain_folder import open_folder

GOLDEN = Path(__file__).parents[2] / "golden"
COSINE = {"gguf-bert": 0.99999, "gguf-gemma": 0.99999, "gguf-qwen3": 0.999}
"""llama.cpp rounds the inputs of a product with Q8_0 weights, too; we do not."""


@pytest.fixture(params=sorted(COSINE))
def name(request):
    return request.param


def cases_of(name):
    return json.loads((GOLDEN / name / "expected.json").read_text("utf-8"))["cases"]


def test_tokens_are_llama_cpps(name):
    tokenizer = encoder_of(GOLDEN / name).tokenizer()
    cases = cases_of(name)
    got = tokenizer.encode([case["text"] for case in cases], [100] * len(cases))
    assert [text.ids.tolist() for text in got] == [case["ids"] for case in cases]


def test_vectors_are_llama_cpps(name):
    cases = cases_of(name)
    embedder = LocalEmbedder(open_folder(str(GOLDEN / name / "model.gguf")), precision="f32")
    got = embedder.submit([case["text"] for case in cases]).result(timeout=60).vectors
    embedder.close()
    cosines = np.sum(got * np.array([case["vector"] for case in cases]), axis=1)
    assert cosines.min() >= COSINE[name]
    assert np.allclose(np.linalg.norm(got, axis=1), 1, atol=1e-5)
