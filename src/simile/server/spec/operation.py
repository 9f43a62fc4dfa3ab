"""What is said of one route in the OpenAPI document, and the commonest ways to say it.

Pure words; knows no route.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from simile.server.spec.schemas import JSON, Schema


@dataclass(frozen=True)
class Operation:
    """What is said of one route."""

    tag: str
    summary: str
    answers: Mapping[int, Schema]
    """By status: what it answers if all goes well."""
    body: Schema | None = None
    errors: tuple[int, ...] = ()
    """Statuses beside those that any route may answer."""
    parameters: Mapping[str, Schema] = field(default_factory=dict)
    """Parts of the path."""
    may_miss: bool = False
    """Whether a part of the path can lead past the route, so that 404 comes in plain text."""


def ok(schema: Schema, about: str = "Done.", **headers: str) -> dict[int, Schema]:
    """Describe an answer 200 with a JSON body and headers, of each of which a word is said."""
    return {200: {"description": about, "content": {JSON: {"schema": schema}}, **_said(headers)}}


def _said(headers: Mapping[str, str]) -> Schema:
    named_so = {name.replace("_", "-"): about for name, about in headers.items()}
    return {
        "headers": {
            name: {"description": about, "schema": {"type": "number", "minimum": 0}}
            for name, about in named_so.items()
        }
    }


TIMING = {
    "x_queue_time": "Milliseconds until the first batch began.",
    "x_inference_time": "Milliseconds that its batches took.",
    "x_compute_tokens": "Tokens that the model read.",
}
TOLD = {**TIMING, "x_simile_truncated": "How many texts were cut; absent where none was."}
COUNT: Schema = {"type": "integer", "minimum": 0}


def plain(summary: str, content: Schema) -> Operation:
    """Describe a route of this server's own that takes nothing."""
    return Operation("Server", summary, {200: {"description": "Done.", "content": content}})
