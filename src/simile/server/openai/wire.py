"""Turn bodies of OpenAI's embedding routes into requests, and vectors into its answers.

Pure: no socket, no model. POST /v1/embeddings and GET /v1/models as Ollama v0.33 speaks them, told
by Ollama 0.33's API (read 2026-11); token ids as in OpenAI's reference of
embeddings/create (read 2026-11). `input_type` and `truncate` are our own additions.
"""

from collections.abc import Iterator, Sequence

from simile.hub.names import ModelName
from simile.models.local_model import LocalModel
from simile.server.embedding import Embedded, EmbedRequest
from simile.server.errors import BodyError
from simile.server.gojson.decode import decode
from simile.server.gojson.encode import json_numbers, json_value
from simile.server.gojson.fields import ANY, INT, STRING, Kind, read_fields
from simile.server.inputs import read_input_type, read_inputs
from simile.server.model_names import read_model
from simile.server.vectors import BLOCK_ROWS, base64_text, blocks
from simile.types import Embeddings

EMBED_FIELDS: dict[str, Kind] = {
    "input": ANY,
    "model": STRING,
    "dimensions": INT,
    "encoding_format": STRING,
    "truncate": ANY,
    "input_type": ANY,
}


def parse_embeddings(body: bytes) -> EmbedRequest:
    """Read the body of POST /v1/embeddings; raises as `ollama.parse_embed` does."""
    fields = read_fields(decode(body), "openai.EmbedRequest", EMBED_FIELDS)
    encoding = fields.get("encoding_format") or "float"
    if encoding.lower() not in ("float", "base64"):
        raise BodyError(
            f"Invalid value for 'encoding_format' = {encoding[:40]}."
            " Supported values: ['float', 'base64']."
        )
    value = fields.get("input")
    if value is None or value == []:
        raise BodyError("invalid input")
    model = read_model(fields.get("model", ""))
    texts, token_ids = read_inputs(value)
    return EmbedRequest(
        model=model,
        texts=texts,
        token_ids=token_ids,
        # Ollama ignores the field.
        truncate=fields.get("truncate") is not False,
        dimensions=fields.get("dimensions", 0),
        input_type=read_input_type(fields.get("input_type")),
        base64=encoding.lower() == "base64",
    )


def render_embeddings(request: EmbedRequest, embedded: Embedded) -> bytes | Iterator[bytes]:
    """Write the answer to POST /v1/embeddings, in pieces where it is long."""
    assert embedded.result, "a request without input is refused"
    vectors = embedded.result.vectors
    pieces = _pieces(
        request, blocks(vectors, request.dimensions, embedded.facts), embedded.token_count
    )
    return b"".join(pieces) if len(vectors) <= BLOCK_ROWS else pieces


def _pieces(request: EmbedRequest, parts: Iterator[Embeddings], tokens: int) -> Iterator[bytes]:
    before, index = b'{"object":"list","data":[', 0
    for block in parts:
        rows = []
        for vector in block:
            text = b'"%b"' % base64_text(vector) if request.base64 else json_numbers(vector)
            rows.append(b'{"object":"embedding","embedding":%b,"index":%d}' % (text, index))
            index += 1
        yield before + b",".join(rows)
        before = b","
    yield b'],"model":%b,"usage":{"prompt_tokens":%d,"total_tokens":%d}}\n' % (
        json_value(request.model.text),
        tokens,
        tokens,
    )


def render_models(models: Sequence[LocalModel]) -> bytes:
    """Write the answer to GET /v1/models; `data` is null where there is no model."""
    data = b"[%b]" % b",".join(map(render_model, models)) if models else b"null"
    return b'{"object":"list","data":%b}\n' % data


def render_model(model: LocalModel, shown: str | None = None) -> bytes:
    """Write one entry of GET /v1/models; GET /v1/models/{id} shows the id as it was sent."""
    return b'{"id":%b,"object":"model","created":%d,"owned_by":%b}' % (
        json_value(shown or model.name),
        int(model.modified_at.timestamp()),
        json_value(ModelName.parse(model.name).namespace),
    )
