"""Turn bodies of rerank requests into one request, and scores into the answer that each expects.

Pure: no socket, no model. One superset for Cohere's v1 and v2, Jina's, llama.cpp's, vLLM's and
text-embeddings-inference's shapes, and for the one proposed for Ollama (their references and
sources, read 2026-11). `keep_alive` is our own addition.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simile.errors import NotFiniteError
from simile.ranking import ranked
from simile.server.errors import BodyError, EmptyInputError
from simile.server.gojson.decode import decode
from simile.server.gojson.durations import keep_alive_s
from simile.server.gojson.encode import json_numbers, json_value
from simile.server.gojson.fields import ANY, BOOL, INT, STRING, Kind, read_fields
from simile.server.inputs import right_alone
from simile.server.model_names import AskedModel, read_model
from simile.types import RerankResult

_BLOCK_ROWS = 256
_MAX_RANK_FIELDS = 32
_TEXTS_PER_SEARCH_UNIT = 100
"""A query with up to this many documents counts as one search, as in Cohere's billing."""


RERANK_FIELDS: dict[str, Kind] = {
    "model": STRING,
    "query": STRING,
    "documents": ANY,
    "texts": ANY,
    "top_n": INT,
    "top_k": INT,
    "return_documents": BOOL,
    "return_text": BOOL,
    "raw_scores": BOOL,
    "rank_fields": ANY,
    "truncate": BOOL,
    "truncation": BOOL,
    "truncation_direction": right_alone,
    "keep_alive": keep_alive_s,
}


@dataclass(frozen=True, slots=True)
class RerankRequest:
    """A checked request; built by `parse_rerank`."""

    model: AskedModel
    query: str
    texts: Sequence[str]
    documents: Sequence[object]
    """As the client gave them: the texts, or objects that hold them."""
    has_texts: bool
    """Whether they came as `texts`, in text-embeddings-inference's shape."""
    top_k: int | None = None
    returns_documents: bool = False
    raw_scores: bool = False
    truncate: bool = True
    keep_alive_s: float | None = None


def parse_rerank(body: bytes) -> RerankRequest:
    """Read the body of any rerank route; raises BodyError, ModelNotFoundError, ModelNameError."""
    fields = read_fields(decode(body), "api.RerankRequest", RERANK_FIELDS)
    if not fields.get("query"):
        raise BodyError("query is required")
    rank_fields = _rank_fields(fields.get("rank_fields"))
    given = [name for name in ("documents", "texts") if name in fields]
    if not given:
        raise BodyError("documents is required: an array of strings or of objects with a text")
    texts = [_texts(fields[name], name, rank_fields) for name in given]
    top_n, top_k = fields.get("top_n", 0), fields.get("top_k", 0)
    if min(top_n, top_k) < 0:
        raise BodyError(f"top_n is {min(top_n, top_k)}; expected 1 or more, or 0 for all")
    return RerankRequest(
        model=read_model(fields.get("model") or "", required=False),
        query=fields["query"],
        texts=texts[0],
        documents=fields[given[0]],
        has_texts=given[0] == "texts",
        top_k=top_n or top_k or None,
        returns_documents=fields.get("return_documents", fields.get("return_text", False)),
        raw_scores=fields.get("raw_scores", False),
        truncate=fields.get("truncate", fields.get("truncation", True)),
        keep_alive_s=fields.get("keep_alive"),
    )


def _texts(value: Any, name: str, rank_fields: Sequence[str]) -> Sequence[str]:
    if not isinstance(value, list):
        raise BodyError(f"{name}: expected an array of strings or of objects with a text")
    if not value:
        raise EmptyInputError(f"{name} is empty; expected at least one text")
    return [_text(item, name, place, rank_fields) for place, item in enumerate(value)]


def _rank_fields(value: Any) -> Sequence[str]:
    if value is None:
        return ()
    if (
        isinstance(value, list)
        and len(value) <= _MAX_RANK_FIELDS
        and all(isinstance(name, str) for name in value)
    ):
        return value
    raise BodyError(f"rank_fields: expected an array of at most {_MAX_RANK_FIELDS} strings")


def _text(item: Any, name: str, place: int, rank_fields: Sequence[str]) -> str:
    """Return a document's text: of an object, the fields to rank by, else `text`."""
    if isinstance(item, str):
        return item
    if isinstance(item, dict):
        parts = [item[field] for field in rank_fields if isinstance(item.get(field), str)]
        if parts:
            return "\n".join(parts)
        if isinstance(item.get("text"), str):
            return str(item["text"])
    raise BodyError(f'{name}[{place}]: expected a string or an object {{"text": "…"}}')


def render_rerank(
    request: RerankRequest, result: RerankResult, *, model: str, id: str, version: str
) -> bytes | Iterator[bytes]:
    """Write Cohere's and Jina's answer in one, in pieces where it is long. Raises NotFiniteError.

    `version` is that of Cohere's API.
    """
    tokens = int(result.token_counts.sum())
    head = b'{"id":%b,"object":"list","model":%b,"results":[' % (
        json_value(f"rerank-{id}"),
        json_value(model),
    )
    tail = b'],"usage":%b,"meta":%b}' % (
        json_value({"prompt_tokens": tokens, "total_tokens": tokens}),
        json_value(
            {
                "api_version": {"version": version},
                "billed_units": {"search_units": -(-len(request.texts) // _TEXTS_PER_SEARCH_UNIT)},
            }
        ),
    )
    return _join(head, _entries(request, result, are_texts=False), tail)


def render_texts(request: RerankRequest, result: RerankResult) -> bytes | Iterator[bytes]:
    """Write text-embeddings-inference's answer, in the same way."""
    return _join(b"[", _entries(request, result, are_texts=True), b"]")


def _entries(
    request: RerankRequest, result: RerankResult, *, are_texts: bool
) -> list[Iterator[bytes]]:
    """Yield the entries of the answer, block by block. Raises NotFiniteError before the first."""
    scores = result.scores
    if not np.isfinite(scores).all():
        rows = tuple(map(int, np.flatnonzero(~np.isfinite(scores))))
        raise NotFiniteError("the model computed NaN or Inf", vectors=scores[:, None], rows=rows)
    written = json_numbers(scores)[1:-1].split(b",")
    places = [one.index for one in ranked(scores, "", request.top_k)]
    name = b"score" if are_texts else b"relevance_score"

    def entry(place: int) -> bytes:
        document = b""
        if request.returns_documents:
            document = b",%b" % (_text_of if are_texts else _document_of)(request, place)
        return b'{"index":%d,"%b":%b%b}' % (place, name, written[place], document)

    starts = range(0, len(places), _BLOCK_ROWS)
    return [map(entry, places[start : start + _BLOCK_ROWS]) for start in starts]


def _text_of(request: RerankRequest, place: int) -> bytes:
    return b'"text":%b' % json_value(request.texts[place])


def _document_of(request: RerankRequest, place: int) -> bytes:
    given = request.documents[place]
    return b'"document":%b' % json_value({"text": given} if isinstance(given, str) else given)


def _join(head: bytes, blocks: list[Iterator[bytes]], tail: bytes) -> bytes | Iterator[bytes]:
    def pieces() -> Iterator[bytes]:
        before = head
        for block in blocks:
            yield before + b",".join(block)
            before = b","
        yield tail

    return b"".join(pieces()) if len(blocks) == 1 else pieces()
