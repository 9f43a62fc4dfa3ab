"""Turn bodies of text-embeddings-inference's routes into requests, and results into its answers.

Pure: no socket, no model. POST /embed, /similarity and /tokenize and GET /info as version 1.8 of
text-embeddings-inference speaks them (its API reference, read 2026-11). Unlike there, a text that
is too long is cut unless `truncate` is false, and `model` and `keep_alive` are our own additions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simile.engine.scheduler import MAX_BATCH_TOKENS
from simile.models.facts import ModelFacts
from simile.models.local_model import LocalModel
from simile.models.tokenizer import TokenPiece
from simile.server.embedding import Embedded, EmbedRequest
from simile.server.errors import BodyError, EmptyInputError
from simile.server.gojson.decode import decode
from simile.server.gojson.durations import keep_alive_s
from simile.server.gojson.encode import json_numbers, json_value
from simile.server.gojson.fields import ANY, BOOL, INT, MAP, STRING, Kind, read_fields
from simile.server.inputs import read_inputs, right_alone
from simile.server.model_names import AskedModel, read_model
from simile.server.vectors import BLOCK_ROWS, blocks, scales
from simile.types import Embeddings

EMBED_FIELDS: dict[str, Kind] = {
    "inputs": ANY,
    "truncate": BOOL,
    "truncation_direction": right_alone,
    "prompt_name": STRING,
    "normalize": BOOL,
    "dimensions": INT,
    "model": STRING,
    "keep_alive": keep_alive_s,
}
SIMILARITY_FIELDS: dict[str, Kind] = {
    "inputs": MAP,
    "parameters": MAP,
    "model": STRING,
    "keep_alive": keep_alive_s,
}
SENTENCES_FIELDS: dict[str, Kind] = {"source_sentence": STRING, "sentences": ANY}
PARAMETERS_FIELDS: dict[str, Kind] = {
    "truncate": BOOL,
    "truncation_direction": right_alone,
    "prompt_name": STRING,
}
TOKENIZE_FIELDS: dict[str, Kind] = {
    "inputs": ANY,
    "add_special_tokens": BOOL,
    "prompt_name": STRING,
    "model": STRING,
}

VERSION = "1.8.0"
"""Whose formats are spoken."""
MAX_TOKENIZED_CHARS = 2**17
"""Of all texts of one request to /tokenize: each token becomes a hundred bytes of answer."""
_DTYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


@dataclass(frozen=True, slots=True)
class TokenizeRequest:
    """Texts to be split into tokens."""

    model: AskedModel
    texts: Sequence[str]
    special_tokens: bool
    prompt_name: str


def parse_embed(body: bytes) -> EmbedRequest:
    """Read the body of POST /embed."""
    fields = read_fields(decode(body), "tei.EmbedRequest", EMBED_FIELDS)
    texts, token_ids = _inputs(fields.get("inputs"))
    return EmbedRequest(
        model=_model(fields),
        texts=texts,
        token_ids=token_ids,
        truncate=fields.get("truncate", True),
        dimensions=fields.get("dimensions", 0),
        keep_alive_s=fields.get("keep_alive"),
        prompt_name=fields.get("prompt_name", ""),
        normalize=fields.get("normalize", True),
    )


def parse_similarity(body: bytes) -> EmbedRequest:
    """Read the body of POST /similarity: the source first, then what it is compared with."""
    fields = read_fields(decode(body), "tei.SimilarityRequest", SIMILARITY_FIELDS)
    inputs = read_fields(fields.get("inputs"), "tei.Sentences", SENTENCES_FIELDS)
    parameters = read_fields(fields.get("parameters"), "tei.Parameters", PARAMETERS_FIELDS)
    source, sentences = inputs.get("source_sentence"), inputs.get("sentences")
    if source is None or not isinstance(sentences, list) or set(map(type, sentences)) - {str}:
        raise BodyError(
            "inputs: expected source_sentence, a string, and sentences, an array of them"
        )
    if not sentences:
        raise EmptyInputError("sentences is empty; expected at least one")
    return EmbedRequest(
        model=_model(fields),
        texts=[source, *sentences],
        truncate=parameters.get("truncate", True),
        keep_alive_s=fields.get("keep_alive"),
        prompt_name=parameters.get("prompt_name", ""),
    )


def parse_tokenize(body: bytes) -> TokenizeRequest:
    """Read the body of POST /tokenize."""
    fields = read_fields(decode(body), "tei.TokenizeRequest", TOKENIZE_FIELDS)
    texts, token_ids = _inputs(fields.get("inputs"))
    if token_ids:
        raise BodyError("inputs: expected a string or an array of strings")
    chars = sum(map(len, texts))
    if chars > MAX_TOKENIZED_CHARS:
        raise BodyError(f"inputs has {chars} characters; expected at most {MAX_TOKENIZED_CHARS}")
    return TokenizeRequest(
        model=_model(fields),
        texts=texts,
        special_tokens=fields.get("add_special_tokens", True),
        prompt_name=fields.get("prompt_name", ""),
    )


def _inputs(value: Any) -> tuple[Sequence[str], Sequence[Sequence[int]]]:
    if value is None:
        raise BodyError("inputs is required")
    if value == []:
        raise EmptyInputError("inputs is empty; expected at least one")
    return read_inputs(value)


def _model(fields: dict[str, Any]) -> AskedModel:
    return read_model(fields.get("model") or "", required=False)


def render_embed(request: EmbedRequest, embedded: Embedded) -> bytes | Iterator[bytes]:
    """Write the answer to POST /embed: always rows, in pieces where it is long. NotFiniteError."""
    assert embedded.result, "a request without input is refused"
    vectors, dimensions = embedded.result.vectors, request.dimensions
    if request.normalize:
        parts = blocks(vectors, dimensions, embedded.facts)
    else:
        parts = _as_they_come(vectors, dimensions)
    pieces = _pieces(parts)
    return b"".join(pieces) if len(vectors) <= BLOCK_ROWS else pieces


def _as_they_come(vectors: Embeddings, dimensions: int) -> Iterator[Embeddings]:
    scales(vectors)  # For NotFiniteError before the first block.
    width = dimensions if dimensions > 0 else vectors.shape[1]
    starts = range(0, len(vectors), BLOCK_ROWS)
    return (vectors[start : start + BLOCK_ROWS, :width] for start in starts)


def _pieces(parts: Iterator[Embeddings]) -> Iterator[bytes]:
    before = b"["
    for block in parts:
        yield before + json_numbers(block)[1:-1]
        before = b","
    yield b"]"


def render_similarity(embedded: Embedded) -> bytes:
    """Write the answer to POST /similarity: the cosine of each to the first. NotFiniteError."""
    assert embedded.result, "a request without input is refused"
    vectors = embedded.result.vectors
    unit = vectors * scales(vectors)
    return json_numbers((unit[1:] @ unit[0]).astype(np.float32))


def render_tokenize(texts: Sequence[Sequence[TokenPiece]]) -> bytes:
    """Write the answer to POST /tokenize; special tokens stand nowhere in the text."""
    return json_value(
        [
            [
                {
                    "id": piece.id,
                    "text": piece.text,
                    "special": piece.span is None,
                    "start": piece.span[0] if piece.span else None,
                    "stop": piece.span[1] if piece.span else None,
                }
                for piece in pieces
            ]
            for pieces in texts
        ]
    )


def render_info(
    model: LocalModel, facts: ModelFacts, *, max_requests: int, max_texts: int
) -> bytes:
    """Write the answer to GET /info; a request may hold max_texts texts."""
    kind: dict[str, object] = {"embedding": {"pooling": facts.pooling}}
    if facts.pooling == "rank":
        kind = {"reranker": {"id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}}}
    return json_value(
        {
            "model_id": model.name,
            "model_sha": model.digest,
            "model_dtype": _DTYPES.get(facts.weight_format, facts.weight_format.lower()),
            "served_model_name": model.name,
            "model_type": kind,
            "max_concurrent_requests": max_requests,
            "max_input_length": facts.max_tokens,
            "max_batch_tokens": max(facts.max_tokens, MAX_BATCH_TOKENS),
            "max_batch_requests": None,
            "max_client_batch_size": max_texts,
            "auto_truncate": True,
            "tokenization_workers": 1,
            "version": VERSION,
            "sha": None,
            "docker_label": None,
        }
    )
