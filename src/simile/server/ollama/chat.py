"""Turn bodies of Ollama's routes for chat models into what can be done for them: load or unload.

Pure: no socket, no model. `ollama stop` asks POST /api/generate with keep_alive 0, clients that
warm a model up ask with an empty prompt (Ollama 0.33's API, read 2026-11).
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from simile.server.errors import BodyError
from simile.server.gojson.decode import decode
from simile.server.gojson.durations import keep_alive_s
from simile.server.gojson.encode import json_time, json_value
from simile.server.gojson.fields import MAP, STRING, Kind, go_value, read_fields
from simile.server.model_names import AskedModel, read_name

Reason = Literal["load", "unload"]


def _messages(value: object) -> object:
    if isinstance(value, list) and all(isinstance(message, dict) for message in value):
        return value
    raise BodyError(
        f"json: cannot unmarshal {go_value(value)} into Go struct field"
        " ChatRequest.messages of type []api.Message"
    )


GENERATE_FIELDS: dict[str, Kind] = {
    "model": STRING,
    "prompt": STRING,
    "options": MAP,
    "keep_alive": keep_alive_s,
}
CHAT_FIELDS: dict[str, Kind] = {**GENERATE_FIELDS, "messages": _messages}


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A model that is to be loaded or unloaded."""

    model: AskedModel
    verb: Literal["generate", "chat"]
    has_text: bool
    """Whether an answer is wanted, which no embedding model gives."""
    keep_alive_s: float | None


def parse_generate(body: bytes) -> ChatRequest:
    """Read the body of POST /api/generate; raises BodyError and ModelNameError."""
    fields = read_fields(decode(body), "api.GenerateRequest", GENERATE_FIELDS)
    return _request(fields, "generate", bool(fields.get("prompt")))


def parse_chat(body: bytes) -> ChatRequest:
    """Read the body of POST /api/chat; raises BodyError and ModelNameError."""
    fields = read_fields(decode(body), "api.ChatRequest", CHAT_FIELDS)
    return _request(fields, "chat", bool(fields.get("messages")))


def _request(
    fields: dict[str, object], verb: Literal["generate", "chat"], has_text: bool
) -> ChatRequest:
    model, stay_s = fields.get("model") or "", fields.get("keep_alive")
    assert isinstance(model, str)
    assert stay_s is None or isinstance(stay_s, float)
    if not model:
        raise BodyError("model is required")
    return ChatRequest(AskedModel(model, read_name(model)), verb, has_text, stay_s)


def refusal(request: ChatRequest) -> str:
    """Explain that this server generates no text, in words that begin as Ollama's do."""
    return (
        f'"{request.model.text}" does not support {request.verb}: this server has embedding models'
        " only; ask it for POST /api/embed"
    )


def render_chat(request: ChatRequest, reason: Reason, now: datetime | None = None) -> bytes:
    """Write the answer of either route: nothing said, and why it ended."""
    said: dict[str, object] = (
        {"response": ""}
        if request.verb == "generate"
        else {"message": {"role": "assistant", "content": ""}}
    )
    head = {"model": request.model.text, "created_at": json_time(now or datetime.now(UTC))}
    return json_value(head | said | {"done": True, "done_reason": reason})
