"""Turn the fields that a parser reads into a JSON Schema; and the schemas of what is answered.

The parsers' own tables say which fields there are and of which type, so that the two cannot part;
here stands what they mean. Knows no route. Source: JSON Schema 2020-12, read 2026-11.
"""

from collections.abc import Mapping
from typing import Any

from simile.server.gojson.fields import BOOL, INT, MAP, STRING, Kind
from simile.server.gojson.options import KINDS
from simile.types import ROLES

Schema = dict[str, Any]

JSON = "application/json"
TEXT: Schema = {"text/plain": {"schema": {"type": "string"}}}

_HOST = "(https://)?[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}(:[0-9]{1,5})?/"
_NAMESPACE = "[A-Za-z0-9_][A-Za-z0-9_-]{0,79}/"
_PART = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}"
_BLANKS = r"[\s\x1c-\x1f]*"
NAME: Schema = {
    "type": "string",
    "pattern": f"^{_BLANKS}(({_HOST})?{_NAMESPACE})?{_PART}(:{_PART})?{_BLANKS}$",
    "description": "A model: `[host/][namespace/]model[:tag]`; the tag is `latest` if not given,"
    " and blanks around it are passed over.",
}
_GO: dict[Kind, Schema] = {
    STRING: {"type": ["string", "null"]},
    BOOL: {"type": ["boolean", "null"]},
    INT: {"type": ["integer", "null"], "minimum": -(2**63), "maximum": 2**63 - 1},
    MAP: {"type": ["object", "null"]},
}
_OPTIONS: dict[str, Schema] = {
    "integer": {"type": ["number", "null"]},
    "float32": {"type": ["number", "null"]},
    "boolean": {"type": ["boolean", "null"]},
    "array": {"type": ["array", "null"]},
}
_NUMBER = "([0-9]{1,%d}(\\.[0-9]{1,9})?%s)"
_UNITS = ((5, "h"), (7, "m"), (9, "s"), (12, "(ms|us|µs|μs|ns)"))
_DURATION = "|".join(_NUMBER % unit for unit in _UNITS)

MEANINGS: dict[str, Schema] = {
    "model": {"description": "The model's name."},
    "name": {"description": "The model's name in older clients, where `model` is empty."},
    "keep_alive": {
        "description": "How long the model stays loaded after the request: seconds, or a duration"
        " such as `5m` or `1h30m`; 0: not at all; negative: for ever.",
        "anyOf": [
            {"type": ["number", "null"]},
            {"type": "string", "pattern": f"^[-+]?(0|({_DURATION}){{1,6}})$"},
        ],
    },
    "truncate": {
        "description": "false refuses a text that is longer than the window; otherwise it is cut.",
        "default": True,
    },
    "dimensions": {
        "description": "Cut vectors to so many numbers and bring them to length 1 again; what is"
        " not above 0, or not below the model's own number, changes nothing.",
        "default": 0,
    },
    "options": {"description": "Ollama's options; `num_ctx` alone has an effect: the window."},
    "input_type": {
        "description": "What the texts are: the model's own prefix for that goes before each.",
        "enum": [*ROLES, None],
        "default": None,
    },
    "stream": {"description": "Whether each step is told, a line of JSON each.", "default": True},
    "insecure": {"description": "Allow http:// before the host.", "default": False},
    "verbose": {"description": "Show the vocabulary and the tensors, too.", "default": False},
    "system": {"description": "Has no effect."},
}
"""What a field means wherever it is read, unless a route says otherwise."""


def body(
    kinds: Mapping[str, Kind], said: Mapping[str, Schema], *, required: tuple[str, ...] = ()
) -> Schema:
    """Describe the object that a parser reads by its table of fields.

    `said` adds to what MEANINGS says of each; KeyError for a field of which neither says anything.
    A required field is not null.
    """
    properties = {}
    for name, kind in kinds.items():
        about = {**MEANINGS.get(name, {}), **said.get(name, {})}
        properties[name] = {**_GO.get(kind, {}), "description": about["description"], **about}
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": True,
    }


def named(kinds: Mapping[str, Kind], example: str) -> Schema:
    """Describe a body whose model is `model`, or `name` where that is empty."""
    by_model = {"required": ["model"], "properties": {"model": NAME}}
    empty = {"enum": ["", None]}
    by_name = {"required": ["name"], "properties": {"name": NAME, "model": empty}}
    return {
        **body(kinds, {"name": {"deprecated": True}}),
        "anyOf": [by_model, by_name],
        "examples": [{"model": example}],
    }


def checked_options(num_ctx: Schema) -> Schema:
    """Describe the options where their types are checked."""
    properties = {name: _OPTIONS[kind] for name, kind in KINDS.items()}
    return {"properties": {**properties, "num_ctx": {**properties["num_ctx"], **num_ctx}}}


def ref(name: str) -> Schema:
    """Point to a schema of COMPONENTS."""
    return {"$ref": f"#/components/schemas/{name}"}


def record(fields: Mapping[str, Schema], *, optional: tuple[str, ...] = ()) -> Schema:
    """Describe an answer's object; what is not optional is always there."""
    required = [name for name in fields if name not in optional]
    return {"type": "object", "properties": dict(fields), "required": required}


def array(items: Schema) -> Schema:
    """Describe an array."""
    return {"type": "array", "items": items}


STRING_: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}
VECTOR = array({"type": "number"})
_TIME: Schema = {"type": "string", "format": "date-time"}
_MAYBE: Schema = {"type": ["string", "null"]}

_DETAILS = record(
    {
        "parent_model": STRING_,
        "format": STRING_,
        "family": STRING_,
        "families": {"type": ["array", "null"], "items": STRING_},
        "parameter_size": STRING_,
        "quantization_level": STRING_,
        "context_length": INTEGER,
        "embedding_length": INTEGER,
    },
    optional=("context_length", "embedding_length"),
)
_MODEL = {"name": STRING_, "model": STRING_, "size": INTEGER, "digest": STRING_}
_OPENAI_MODEL = record(
    {
        "id": STRING_,
        "object": {"const": "model"},
        "created": {**INTEGER, "description": "Seconds since 1970."},
        "owned_by": STRING_,
    }
)
COMPONENTS: Schema = {
    "schemas": {
        "Error": record({"error": STRING_}),
        "OpenAIError": record(
            {
                "error": record(
                    {"message": STRING_, "type": STRING_, "param": _MAYBE, "code": _MAYBE}
                )
            }
        ),
        "Details": _DETAILS,
        "LocalModel": record(
            {
                **_MODEL,
                "modified_at": _TIME,
                "details": ref("Details"),
                "capabilities": array(STRING_),
            }
        ),
        "LoadedModel": record(
            {
                **_MODEL,
                "details": ref("Details"),
                "expires_at": _TIME,
                "size_vram": INTEGER,
                "context_length": INTEGER,
            }
        ),
        "OpenAIModel": _OPENAI_MODEL,
        "TokenId": {"type": "integer", "minimum": 0},
    }
}
