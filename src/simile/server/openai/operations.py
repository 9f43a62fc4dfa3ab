"""Say of each of OpenAI's routes what it takes and what it answers.

Bodies are described by the tables that the parsers read them with, as in `ollama_operations`. Pure
words; source: OpenAI's reference, as the parsers name it.
"""

from simile.server.openai import wire as openai
from simile.server.spec.operation import COUNT, TOLD, Operation, ok
from simile.server.spec.schemas import NAME, STRING_, VECTOR, Schema, array, body, record, ref

_EXAMPLE = "all-minilm"
_TEXTS: Schema = {"type": "array", "items": STRING_}
_IDS: Schema = {
    "type": "array",
    "minItems": 1,
    "items": ref("TokenId"),
}
_EMBEDDINGS = Operation(
    tag="OpenAI",
    summary="Embed texts or arrays of token ids.",
    body={
        **body(
            openai.EMBED_FIELDS,
            {
                "model": NAME,
                "input": {
                    "description": "A text, several, the token ids of one (of the model's own"
                    " vocabulary), or those of several.",
                    "anyOf": [
                        STRING_,
                        {**_TEXTS, "minItems": 1},
                        _IDS,
                        {"type": "array", "minItems": 1, "items": _IDS},
                    ],
                },
                "encoding_format": {
                    "description": "Numbers, or base64 of little-endian float32.",
                    "enum": ["float", "base64", "", None],
                    "default": "float",
                },
            },
            required=("model", "input"),
        ),
        "examples": [{"model": _EXAMPLE, "input": "Why is the sky blue?"}],
    },
    answers=ok(
        record(
            {
                "object": {"const": "list"},
                "data": array(
                    record(
                        {
                            "object": {"const": "embedding"},
                            "embedding": {"anyOf": [VECTOR, STRING_]},
                            "index": COUNT,
                        }
                    )
                ),
                "model": STRING_,
                "usage": record({"prompt_tokens": COUNT, "total_tokens": COUNT}),
            }
        ),
        "A vector of length 1 for each input.",
        **TOLD,
    ),
    errors=(400, 404, 501),
)
_MODELS = record(
    {
        "object": {"const": "list"},
        "data": {"type": ["array", "null"], "items": ref("OpenAIModel")},
    }
)
OPERATIONS: dict[tuple[str, str], Operation] = {
    ("POST", "/v1/embeddings"): _EMBEDDINGS,
    ("GET", "/v1/models"): Operation("OpenAI", "List the models that are here.", ok(_MODELS)),
    ("GET", "/v1/models/{id}"): Operation(
        "OpenAI",
        "Tell of one model; its name may hold slashes.",
        ok(ref("OpenAIModel")),
        errors=(400, 404),
        parameters={
            "id": {"description": "The model's name.", "schema": {**NAME, "examples": [_EXAMPLE]}}
        },
    ),
}
