"""Turn bodies of Ollama's embedding routes into requests, and vectors into its answers.

Pure: no socket, no model. POST /api/embed and /api/embeddings as Ollama v0.33 speaks them, told by
Ollama 0.33's API (read 2026-11). `input_type` is our own addition.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from simile.server.embedding import Embedded, EmbedRequest
from simile.server.errors import BodyError
from simile.server.gojson.decode import decode
from simile.server.gojson.durations import keep_alive_s
from simile.server.gojson.encode import json_numbers, json_value
from simile.server.gojson.fields import ANY, BOOL, INT, MAP, STRING, Kind, read_fields
from simile.server.inputs import read_input_type
from simile.server.model_names import read_model
from simile.server.vectors import BLOCK_ROWS, blocks, scales

EMBED_FIELDS: dict[str, Kind] = {
    "model": STRING,
    "input": ANY,
    "keep_alive": keep_alive_s,
    "truncate": BOOL,
    "dimensions": INT,
    "options": MAP,
    "input_type": ANY,
}
EMBEDDINGS_FIELDS: dict[str, Kind] = {
    "model": STRING,
    "prompt": STRING,
    "keep_alive": keep_alive_s,
    "options": MAP,
    "input_type": ANY,
}


def parse_embed(body: bytes) -> EmbedRequest:
    """Read the body of POST /api/embed; raises BodyError, ModelNotFoundError, ModelNameError."""
    fields = read_fields(decode(body), "api.EmbedRequest", EMBED_FIELDS)
    return EmbedRequest(
        model=read_model(fields.get("model", "")),
        texts=_texts(fields.get("input")),
        truncate=fields.get("truncate", True),
        dimensions=fields.get("dimensions", 0),
        keep_alive_s=fields.get("keep_alive"),
        options=fields.get("options", {}),
        input_type=read_input_type(fields.get("input_type")),
    )


def parse_embeddings(body: bytes) -> EmbedRequest:
    """Read the body of POST /api/embeddings: one text, never truncated."""
    fields = read_fields(decode(body), "api.EmbeddingRequest", EMBEDDINGS_FIELDS)
    if not fields.get("model"):
        raise BodyError("model is required")
    return EmbedRequest(
        model=read_model(fields["model"]),
        texts=_texts(fields.get("prompt")),
        truncate=False,
        keep_alive_s=fields.get("keep_alive"),
        options=fields.get("options", {}),
        input_type=read_input_type(fields.get("input_type")),
    )


def _texts(value: object) -> Sequence[str]:
    """Read `input`: nothing where it is empty, not one empty text."""
    if not value and type(value) in (str, list, type(None)):
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and set(map(type, value)) == {str}:
        return value
    raise BodyError("invalid input type")


def render_embed(request: EmbedRequest, embedded: Embedded) -> bytes | Iterator[bytes]:
    """Write the answer to POST /api/embed, in pieces where it is long. Raises NotFiniteError."""
    head = b'{"model":%b,"embeddings":[' % json_value(request.model.text)
    if embedded.result is None:
        return head + b"]}"
    vectors = embedded.result.vectors
    rows = (
        json_numbers(block)[1:-1] for block in blocks(vectors, request.dimensions, embedded.facts)
    )
    tail = b'],"total_duration":%d,"load_duration":%d,"prompt_eval_count":%d}' % (
        embedded.total_ns,
        embedded.load_ns,
        embedded.token_count,
    )
    if len(vectors) <= BLOCK_ROWS:
        return b"".join((head, *rows, tail))
    return _pieces(head, rows, tail)


def _pieces(head: bytes, rows: Iterator[bytes], tail: bytes) -> Iterator[bytes]:
    separator = head
    for text in rows:
        yield separator + text
        separator = b","
    yield tail


def render_embeddings(embedded: Embedded) -> bytes:
    """Write the answer to POST /api/embeddings: float32 values printed as float64."""
    if embedded.result is None:
        return b'{"embedding":[]}'
    vectors = embedded.result.vectors
    vectors = vectors * scales(vectors)
    return b'{"embedding":%b}' % json_numbers(vectors[0].astype(np.float64))
