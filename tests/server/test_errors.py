import inspect
import json
import logging

import numpy as np
import pytest

import simile.errors as tree
from simile.server import errors
from simile.server.http.dialects import JINA, OLLAMA, OPENAI, TEI

CLASSES = [
    kind
    for module in (tree, errors)
    for _, kind in inspect.getmembers(module, inspect.isclass)
    if issubclass(kind, tree.SimileError) and kind is not tree.SimileError
]


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_has_a_status(kind):
    assert any(ancestor in errors.STATUS for ancestor in kind.__mro__)


@pytest.mark.parametrize(
    ("exc", "status", "text"),
    [
        (tree.ModelNameError("'a b' is not a name"), 400, "invalid model name"),
        (tree.ModelNotFoundError("model 'x' not found"), 404, "model 'x' not found"),
        (tree.TextTooLongError("9 > 8"), 400, "the input length exceeds the context length"),
        (
            tree.WindowTooSmallError("1"),
            400,
            "input after truncation exceeds maximum context length",
        ),
        (
            tree.NotFiniteError("nan", vectors=np.zeros((1, 2), np.float32), rows=(0,)),
            400,
            "embedding contains NaN or Inf values",
        ),
        (tree.RemoteEngineError("Ollama did not answer"), 502, "Ollama did not answer"),
        (tree.BrokenAnswerError("Ollama broke off"), 502, "Ollama broke off"),
        (errors.EmptyBodyError("none"), 400, "missing request body"),
        (errors.BodyTooLargeError("too large"), 413, "too large"),
        (errors.OptionError("an option"), 400, "an option"),
        (tree.DownloadError("no source"), 404, "no source"),
        (tree.CheckpointError("a tensor"), 500, "a tensor"),
        (tree.UnsupportedModelError("a kind"), 501, "a kind"),
        (tree.EngineError("broken"), 500, "broken"),
        (tree.EngineClosedError("closed"), 503, "closed"),
        (
            tree.OverloadedError("full"),
            503,
            "server busy, please try again.  maximum pending requests exceeded",
        ),
        (errors.ClientGoneError("gone"), 499, "request canceled"),
        (ZeroDivisionError("a secret"), 500, "internal server error"),
    ],
)
def test_status_and_text(exc, status, text):
    assert errors.status_of(exc) == status
    assert json.loads(OLLAMA.error_body(exc)) == {"error": text}


def test_envelope_of_ollama_escapes_as_go_and_ends_without_newline():
    assert OLLAMA.error_body(tree.InputError("<a> & b")) == (
        b'{"error":"\\u003ca\\u003e \\u0026 b"}'
    )


@pytest.mark.parametrize(
    ("exc", "text", "kind"),
    [
        (tree.InputError("x"), b"x", b"invalid_request_error"),
        (tree.ModelNotFoundError("x"), b"x", b"not_found_error"),
        (tree.EngineError("x"), b"x", b"api_error"),
        (tree.UnsupportedModelError("x"), b"x", b"api_error"),
        (errors.EmptyBodyError("x"), b"EOF", b"invalid_request_error"),
    ],
)
def test_envelope_of_openai(exc, text, kind):
    assert OPENAI.error_body(exc) == (
        b'{"error":{"message":"%b","type":"%b","param":null,"code":null}}\n' % (text, kind)
    )


def test_an_unplanned_error_is_logged_with_its_traceback(caplog):
    try:
        raise ZeroDivisionError("a secret")
    except ZeroDivisionError as exc:
        errors.log(exc)
    assert "a secret" in caplog.text and "Traceback" in caplog.text


def test_the_faults_of_clients_are_not_logged(caplog):
    caplog.set_level(logging.DEBUG)
    errors.log(tree.InputError("x"))
    errors.log(tree.ModelNotFoundError("x"))
    errors.log(errors.ClientGoneError("x"))
    assert not caplog.records


@pytest.mark.parametrize(
    ("exc", "status", "kind"),
    [
        (errors.EmptyInputError("texts is empty"), 400, "Empty"),
        (errors.EmptyBodyError("none"), 400, "Empty"),
        (errors.BodyError("query is required"), 422, "Validation"),
        (tree.TextTooLongError("9 > 8"), 422, "Validation"),
        (tree.ModelNotFoundError("model 'x' not found"), 404, "Validation"),
        (errors.BodyTooLargeError("too large"), 413, "Validation"),
        (tree.UnsupportedModelError("a kind"), 424, "Backend"),
        (tree.EngineError("broken"), 424, "Backend"),
        (tree.OverloadedError("full"), 429, "Overloaded"),
        (tree.EngineClosedError("closed"), 503, "Unhealthy"),
        (tree.CheckpointError("a tensor"), 500, "Backend"),
    ],
)
def test_text_embeddings_inference_has_its_own_statuses(exc, status, kind):
    assert TEI.status_of(exc) == status
    body = json.loads(TEI.error_body(exc))
    assert (body["error_type"], body["error"]) == (kind, errors.text_of(exc))


def test_clients_of_jina_and_cohere_find_the_text():
    exc = tree.ModelNotFoundError("model 'x' not found")
    body = json.loads(JINA.error_body(exc))
    openai = json.loads(OPENAI.error_body(exc))
    assert body == openai | {"message": errors.text_of(exc), "detail": errors.text_of(exc)}
