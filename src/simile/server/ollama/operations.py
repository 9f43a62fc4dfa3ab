"""Say of each of Ollama's routes what it takes and what it answers.

Bodies are described by the tables that the parsers read them with, so that a field that nobody
explains is an error. Pure words; source: Ollama 0.33's API, as the parsers name it.
"""

from collections.abc import Mapping

from simile.server.gojson.fields import Kind
from simile.server.ollama import changes as ollama_store
from simile.server.ollama import chat as ollama_chat
from simile.server.ollama import embed as ollama
from simile.server.ollama import models as ollama_models
from simile.server.spec.operation import COUNT, TIMING, TOLD, Operation, ok
from simile.server.spec.schemas import (
    JSON,
    NAME,
    STRING_,
    VECTOR,
    Schema,
    array,
    body,
    checked_options,
    named,
    record,
    ref,
)

_EMPTY: dict[int, Schema] = {200: {"description": "Done; the body is empty."}}
_EXAMPLE = "all-minilm"
_COPY = "my-copy"
_TEXTS: Schema = {"type": "array", "items": STRING_}
_WINDOW: Schema = {
    "description": "The window in tokens, special tokens included; what is below 1: the model's.",
    "anyOf": [{"type": "null"}, {"exclusiveMaximum": 1}, {"minimum": 3}],
}
_NEVER_CUT: Schema = {
    "description": "Ollama's options, of the types that /api/embed names. `num_ctx` alone has an"
    " effect, the window: 400 where the text and the special tokens do not fit."
}
_NS = {**COUNT, "description": "Nanoseconds."}

_EMBED = Operation(
    tag="Ollama",
    summary="Embed texts; without a text, only load the model.",
    body={
        **body(
            ollama.EMBED_FIELDS,
            {
                "model": NAME,
                "input": {
                    "description": "A text or several.",
                    "anyOf": [{"type": ["string", "null"]}, _TEXTS],
                },
                "options": checked_options(_WINDOW),
            },
            required=("model",),
        ),
        "examples": [{"model": _EXAMPLE, "input": ["Why is the sky blue?"]}],
    },
    answers=ok(
        record(
            {
                "model": STRING_,
                "embeddings": array(VECTOR),
                "total_duration": _NS,
                "load_duration": _NS,
                "prompt_eval_count": {**COUNT, "description": "Tokens read."},
            },
            optional=("total_duration", "load_duration", "prompt_eval_count"),
        ),
        "A vector of length 1 for each text.",
        **TOLD,
    ),
    errors=(400, 404, 501),
)
_EMBEDDINGS = Operation(
    tag="Ollama",
    summary="Embed one text, in the older form; it is never cut.",
    body={
        **body(
            ollama.EMBEDDINGS_FIELDS,
            {
                "model": NAME,
                "prompt": {"description": "The text; without it the model is only loaded."},
                "options": _NEVER_CUT,
            },
            required=("model",),
        ),
        "examples": [{"model": _EXAMPLE, "prompt": "Why is the sky blue?"}],
    },
    answers=ok(record({"embedding": VECTOR}), "The vector; empty without a text.", **TIMING),
    errors=(400, 404, 501),
)
_SHOWN = record(
    {
        "license": STRING_,
        "modelfile": STRING_,
        "parameters": STRING_,
        "template": STRING_,
        "details": ref("Details"),
        "model_info": {
            "type": "object",
            "description": "Facts by the keys of a GGUF file, such as `bert.context_length`.",
        },
        "tensors": array(record({"name": STRING_, "type": STRING_, "shape": array(COUNT)})),
        "capabilities": array(STRING_),
        "modified_at": {**STRING_, "format": "date-time"},
    },
    optional=("license", "tensors"),
)
_STATUS = record({"status": STRING_})
_STEP = record(
    {
        "status": STRING_,
        "digest": STRING_,
        "total": COUNT,
        "completed": COUNT,
        "error": {**STRING_, "description": "Of the last line, where it failed under way."},
    },
    optional=("status", "digest", "total", "completed", "error"),
)
_PULLED = {
    200: {
        "description": "A line of JSON for each step; one object with `stream: false`.",
        "content": {
            JSON: {"schema": _STATUS},
            "application/x-ndjson": {"schema": {**_STEP, "description": "Each line."}},
        },
    }
}


def _for_chat(fields: Mapping[str, Kind], text: Mapping[str, Schema]) -> Schema:
    said = {"model": NAME, **text}
    return {
        **body(fields, said, required=("model",)),
        "examples": [{"model": _EXAMPLE, "keep_alive": 0}],
    }


_NO_TEXT: Schema = {"description": "Nothing: no text is generated here.", "enum": ["", None]}
_NO_MESSAGES: Schema = {
    "type": ["array", "null"],
    "description": "None: no text is generated here.",
    "maxItems": 0,
}
_CHAT_HEAD: Schema = {"model": STRING_, "created_at": {**STRING_, "format": "date-time"}}
_CHAT_TAIL: Schema = {"done": {"const": True}, "done_reason": {"enum": ["load", "unload"]}}
_MESSAGE = record({"role": STRING_, "content": STRING_})
_DIGEST: Schema = {
    "description": "A checksum.",
    "schema": {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
}


def _not_offered(summary: str, **parameters: Schema) -> Operation:
    """Describe a route that answers 403 and says why."""
    missing = (404,) if parameters else ()
    return Operation(
        "Ollama", summary, {}, errors=missing, parameters=parameters, may_miss=bool(parameters)
    )


_NO_BLOBS = _not_offered("Not offered: models are not made here.", digest=_DIGEST)

OPERATIONS: dict[tuple[str, str], Operation] = {
    ("POST", "/api/embed"): _EMBED,
    ("POST", "/api/embeddings"): _EMBEDDINGS,
    ("GET", "/api/tags"): Operation(
        "Ollama",
        "List the models that are here.",
        ok(record({"models": array(ref("LocalModel"))})),
    ),
    ("POST", "/api/show"): Operation(
        "Ollama",
        "Tell what is known of one model.",
        ok(_SHOWN),
        body=named(ollama_models.SHOW_FIELDS, _EXAMPLE),
        errors=(400, 404, 501),
    ),
    ("GET", "/api/ps"): Operation(
        "Ollama",
        "List the models that are loaded, what stays longest first.",
        ok(record({"models": array(ref("LoadedModel"))})),
    ),
    ("POST", "/api/pull"): Operation(
        "Ollama",
        "Bring a model here; 403 where that is switched off.",
        _PULLED,
        body=named(ollama_store.PULL_FIELDS, _EXAMPLE),
        errors=(400, 404, 501),
    ),
    ("DELETE", "/api/delete"): Operation(
        "Ollama",
        "Unload a model and delete it.",
        _EMPTY,
        body=named(ollama_store.NAMED_FIELDS, _COPY),
        errors=(400, 404),
    ),
    ("POST", "/api/copy"): Operation(
        "Ollama",
        "Give a model a second name.",
        _EMPTY,
        body={
            **body(
                ollama_store.COPY_FIELDS,
                {"source": NAME, "destination": NAME},
                required=("source", "destination"),
            ),
            "examples": [{"source": _EXAMPLE, "destination": _COPY}],
        },
        errors=(400, 404),
    ),
    ("POST", "/api/generate"): Operation(
        "Ollama",
        "Load a model, or unload it with `keep_alive: 0`.",
        ok(record({**_CHAT_HEAD, "response": {"const": ""}, **_CHAT_TAIL})),
        body=_for_chat(ollama_chat.GENERATE_FIELDS, {"prompt": _NO_TEXT}),
        errors=(400, 404, 501),
    ),
    ("POST", "/api/chat"): Operation(
        "Ollama",
        "Load a model, or unload it with `keep_alive: 0`.",
        ok(record({**_CHAT_HEAD, "message": _MESSAGE, **_CHAT_TAIL})),
        body=_for_chat(
            ollama_chat.CHAT_FIELDS,
            {"messages": _NO_MESSAGES, "prompt": {"description": "Has no effect."}},
        ),
        errors=(400, 404, 501),
    ),
    ("POST", "/api/create"): _not_offered("Not offered: models are not made here."),
    ("POST", "/api/push"): _not_offered("Not offered: nothing is sent to a registry."),
    ("HEAD", "/api/blobs/{digest}"): _NO_BLOBS,
    ("POST", "/api/blobs/{digest}"): _NO_BLOBS,
    ("GET", "/api/status"): Operation(
        "Ollama",
        "Tell whether Ollama's cloud is used: it is not.",
        ok(
            record(
                {"cloud": record({"disabled": {"const": True}, "source": {"const": "config"}})},
            )
        ),
    ),
    ("GET", "/api/version"): Operation(
        "Ollama",
        "Tell the version of Ollama whose formats are spoken.",
        ok(record({"version": STRING_})),
    ),
}
