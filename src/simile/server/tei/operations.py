"""Say of each of text-embeddings-inference's routes what it takes and what it answers.

Bodies are described by the tables that the parsers read them with. Pure words; source as the
parsers name it.
"""

from collections.abc import Mapping

from simile.server.rerank.operations import NAME_OR_NONE, RIGHT
from simile.server.spec.operation import COUNT, TOLD, Operation, ok
from simile.server.spec.schemas import STRING_, VECTOR, Schema, array, body, record, ref
from simile.server.tei import wire as tei
from simile.types import ROLES

_TAG = "TEI"
_PROMPT: Schema = {
    "description": "The prompt to put before each text: a role, or a name that the model's own"
    " files give to a prompt. None goes before token ids.",
    "enum": [*ROLES, "", None],
}
_TEXTS: Schema = {"type": "array", "minItems": 1, "items": STRING_}
_IDS: Schema = {"type": "array", "minItems": 1, "items": ref("TokenId")}
_TEXT = "Why is the sky blue?"
_ERRORS = (400, 404, 422, 424, 429)
_MAYBE_COUNT: Schema = {"type": ["integer", "null"]}

_EMBED = Operation(
    _TAG,
    "Embed texts.",
    ok(array(VECTOR), "A vector for each text, also for one.", **TOLD),
    body={
        **body(
            tei.EMBED_FIELDS,
            {
                "inputs": {
                    "description": "A text, several, the token ids of one (of the model's own"
                    " vocabulary), or those of several.",
                    "anyOf": [
                        STRING_,
                        _TEXTS,
                        _IDS,
                        {"type": "array", "minItems": 1, "items": _IDS},
                    ],
                },
                "truncation_direction": RIGHT,
                "prompt_name": _PROMPT,
                "normalize": {
                    "description": "false gives vectors as the model's own files leave them.",
                    "default": True,
                },
                "model": NAME_OR_NONE,
            },
            required=("inputs",),
        ),
        "examples": [{"inputs": [_TEXT]}],
    },
    errors=_ERRORS,
)
_SENTENCES: Schema = {
    **body(
        tei.SENTENCES_FIELDS,
        {
            "source_sentence": {
                "type": "string",
                "description": "What the others are compared to.",
            },
            "sentences": {"description": "The others.", **_TEXTS},
        },
        required=("source_sentence", "sentences"),
    ),
    "description": "Whose vectors are compared.",
}
_PARAMETERS: Schema = {
    **body(tei.PARAMETERS_FIELDS, {"truncation_direction": RIGHT, "prompt_name": _PROMPT}),
    "type": ["object", "null"],
    "description": "How they are embedded.",
}
_SIMILARITY = Operation(
    _TAG,
    "Compare a sentence with others.",
    ok(array({"type": "number"}), "The cosine of each.", **TOLD),
    body={
        **body(
            tei.SIMILARITY_FIELDS,
            {"inputs": _SENTENCES, "parameters": _PARAMETERS, "model": NAME_OR_NONE},
            required=("inputs",),
        ),
        "examples": [{"inputs": {"source_sentence": _TEXT, "sentences": ["The sky is blue."]}}],
    },
    errors=_ERRORS,
)
_PIECE = record(
    {
        "id": COUNT,
        "text": STRING_,
        "special": {"type": "boolean"},
        "start": {**_MAYBE_COUNT, "description": "First character; null for a special token."},
        "stop": {**_MAYBE_COUNT, "description": "The character behind the last."},
    }
)
_TOKENIZE = Operation(
    _TAG,
    "Split texts into tokens.",
    ok(array(array(_PIECE)), "The tokens of each text, also of one; no text is cut."),
    body={
        **body(
            tei.TOKENIZE_FIELDS,
            {
                "inputs": {
                    "description": f"A text or several, of {tei.MAX_TOKENIZED_CHARS} characters in"
                    " all at most.",
                    "anyOf": [STRING_, _TEXTS],
                },
                "add_special_tokens": {
                    "description": "Whether to put them around each text.",
                    "default": True,
                },
                "prompt_name": _PROMPT,
                "model": NAME_OR_NONE,
            },
            required=("inputs",),
        ),
        "examples": [{"inputs": _TEXT}],
    },
    errors=_ERRORS,
)
_INFO = Operation(
    _TAG,
    "Tell of the model that is served.",
    ok(
        record(
            {
                "model_id": STRING_,
                "model_sha": STRING_,
                "model_dtype": STRING_,
                "served_model_name": STRING_,
                "model_type": {"type": "object"},
                "max_concurrent_requests": COUNT,
                "max_input_length": COUNT,
                "max_batch_tokens": COUNT,
                "max_batch_requests": _MAYBE_COUNT,
                "max_client_batch_size": COUNT,
                "auto_truncate": {"type": "boolean"},
                "tokenization_workers": COUNT,
                "version": STRING_,
                "sha": {"type": ["string", "null"]},
                "docker_label": {"type": ["string", "null"]},
            }
        )
    ),
    errors=(404, 422, 424),
)
OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("POST", "/embed"): _EMBED,
    ("POST", "/similarity"): _SIMILARITY,
    ("POST", "/tokenize"): _TOKENIZE,
    ("GET", "/info"): _INFO,
}
