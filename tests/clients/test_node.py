"""The clients for Node.js: https://www.npmjs.com/package/ollama and /openai."""

import numpy as np
from tests.clients.conftest import MODEL, OTHER


def shortened(vectors):
    return vectors[:, :4] / np.linalg.norm(vectors[:, :4], axis=1, keepdims=True)


def test_ollama(node, vectors):
    found = node("ollama.mjs")
    assert np.allclose(found["vectors"], vectors, atol=1e-6)
    assert np.allclose(found["one"], vectors[0], atol=1e-6)
    assert np.allclose(found["cut"], shortened(vectors), atol=1e-6)
    assert found["listed"] == [f"{MODEL}:latest"]
    assert found["shown"] == ["embedding"]
    said = 'model "nope" not found, try pulling it first'
    assert found["unknown"] == {"name": "ResponseError", "status": 404, "message": said}
    assert (found["steps"][0], found["steps"][-1]) == ("pulling manifest", "success")
    assert found["pulled"] == [f"{name}:latest" for name in (OTHER, "second", MODEL)]
    assert "'nope:latest' is not a known" in found["unknownPull"]["message"]
    assert found["loaded"] == [f"{MODEL}:latest"]
    assert found["unloaded"] == []


def test_openai(node, vectors):
    found = node("openai.mjs")
    assert np.allclose(found["vectors"], vectors, atol=1e-6)
    assert np.allclose(found["floats"], vectors, atol=1e-6)
    assert np.allclose(found["cut"], shortened(vectors), atol=1e-6)
    assert found["usage"] == {"prompt_tokens": 13, "total_tokens": 13}
    assert found["listed"] == [f"{MODEL}:latest"]
    assert found["retrieved"] == "model"
    said = '404 model "nope" not found, try pulling it first'
    assert found["unknown"] == {"name": "NotFoundError", "status": 404, "message": said}
    assert found["empty"]["name"] == "BadRequestError"
    assert "invalid input" in found["empty"]["message"]
