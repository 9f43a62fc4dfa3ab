"""Say of each rerank route what it takes and what it answers.

The body is described by the table that the parser reads it with, and is the same on all routes.
Pure words; sources as the parser names them.
"""

from collections.abc import Mapping

from simile.server.rerank import wire as rerank
from simile.server.spec.operation import COUNT, TOLD, Operation, ok
from simile.server.spec.schemas import NAME, STRING_, Schema, array, body, record

NAME_OR_NONE: Schema = {
    "description": "The model; where none is named the one that fits of those that the server was"
    " started with, else of those that are here.",
    "anyOf": [NAME, {"enum": ["", None]}],
}
RIGHT: Schema = {
    "description": "Texts are cut at their end alone.",
    "enum": ["right", "Right", None],
    "default": "right",
}
_EXAMPLE = "all-minilm"
_FLAG: Schema = {"default": False}
_TOP: Schema = {"description": "How many of the best to answer; 0: all.", "minimum": 0}
_DOCUMENTS: Schema = {
    "type": "array",
    "minItems": 1,
    "items": {
        "anyOf": [
            STRING_,
            {"type": "object", "required": ["text"], "properties": {"text": STRING_}},
        ]
    },
}
_MAYBE_DOCUMENTS: Schema = {"anyOf": [{"type": "null"}, _DOCUMENTS]}
_BODY: Schema = {
    **body(
        rerank.RERANK_FIELDS,
        {
            "model": NAME_OR_NONE,
            "query": {
                "type": "string",
                "minLength": 1,
                "description": "What the texts may answer.",
            },
            "documents": {
                "description": "The texts, or objects that hold them.",
                **_MAYBE_DOCUMENTS,
            },
            "texts": {"description": "As documents, where there are none.", **_MAYBE_DOCUMENTS},
            "top_n": _TOP,
            "top_k": {**_TOP, "description": "As top_n, where there is none."},
            "return_documents": {"description": "Whether to give the documents back.", **_FLAG},
            "return_text": {"description": "As return_documents.", **_FLAG},
            "raw_scores": {
                "description": "Logits, where the model would make a number from 0 to 1 of them.",
                **_FLAG,
            },
            "rank_fields": {
                "description": "The fields of objects that are read, in place of `text`.",
                "anyOf": [{"type": "null"}, array(STRING_)],
            },
            "truncation": {"description": "As truncate.", "default": True},
            "truncation_direction": RIGHT,
        },
        required=("query",),
    ),
    "anyOf": [
        {"required": ["documents"], "properties": {"documents": _DOCUMENTS}},
        {
            "required": ["texts"],
            "properties": {"texts": _DOCUMENTS, "documents": {"type": "null"}},
        },
    ],
    "examples": [
        {
            "model": _EXAMPLE,
            "query": "Why is the sky blue?",
            "documents": ["Air scatters blue light.", "Cats sleep all day."],
        }
    ],
}
_SCORE: Schema = {"type": "number"}
_DOCUMENT: Schema = {"type": "object"}
_RESULT = record(
    {"index": COUNT, "relevance_score": _SCORE, "document": _DOCUMENT}, optional=("document",)
)
_ANSWER = record(
    {
        "id": STRING_,
        "object": {"const": "list"},
        "model": STRING_,
        "results": array(_RESULT),
        "usage": record({"prompt_tokens": COUNT, "total_tokens": COUNT}),
        "meta": record(
            {
                "api_version": record({"version": STRING_}),
                "billed_units": record({"search_units": COUNT}),
            }
        ),
    }
)
_TEXTS = array(
    record({"index": COUNT, "score": _SCORE, "text": STRING_}, optional=("text",)),
)
_ABOUT = "The texts' places and scores, best first."
_TEI_ERRORS = (400, 404, 422, 424, 429)
_ERRORS = (400, 404, 501)


def _operation(tag: str, summary: str, answer: Schema, errors: tuple[int, ...]) -> Operation:
    return Operation(tag, summary, ok(answer, _ABOUT, **TOLD), body=_BODY, errors=errors)


OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("POST", "/rerank"): _operation(
        "Rerank",
        "Order texts by a query; answers `texts` as text-embeddings-inference does.",
        {"anyOf": [_ANSWER, _TEXTS]},
        _TEI_ERRORS,
    ),
    ("POST", "/v1/rerank"): _operation(
        "Rerank", "Order texts by a query, as Jina and Cohere's v1.", _ANSWER, _ERRORS
    ),
    ("POST", "/v2/rerank"): _operation(
        "Rerank", "Order texts by a query, as Cohere's v2.", _ANSWER, _TEI_ERRORS
    ),
    ("POST", "/api/rerank"): _operation(
        "Rerank", "Order texts by a query, as proposed for Ollama.", _ANSWER, _ERRORS
    ),
}
