"""All routes, and what is said of each: a new one needs an entry here or in a file of its protocol.

Pure words. What any route may answer is added by `openapi`.
"""

from simile.server.ollama import operations as ollama_operations
from simile.server.openai import operations as openai_operations
from simile.server.rerank import operations as rerank_operations
from simile.server.spec.operation import COUNT, Operation, plain
from simile.server.spec.schemas import JSON, STRING_, TEXT, record
from simile.server.tei import operations as tei_operations

_HEALTH = record(
    {
        "status": {"enum": ["ready", "loading", "busy", "closing"]},
        "why": STRING_,
        "queued": COUNT,
        "loading": COUNT,
    }
)
OPERATIONS: dict[tuple[str, str], Operation] = {
    **ollama_operations.OPERATIONS,
    **openai_operations.OPERATIONS,
    **rerank_operations.OPERATIONS,
    **tei_operations.OPERATIONS,
    ("GET", "/health"): Operation(
        "Server",
        "Tell whether requests are served.",
        {
            200: {"description": "They are.", "content": {JSON: {"schema": _HEALTH}}},
            503: {"description": "They are not.", "content": {JSON: {"schema": _HEALTH}}},
        },
    ),
    ("GET", "/metrics"): plain("Counts for Prometheus, in its text format.", TEXT),
    ("GET", "/openapi.json"): plain("This document.", {JSON: {"schema": {"type": "object"}}}),
    ("GET", "/docs"): plain(
        "This document as a page.", {"text/html": {"schema": {"type": "string"}}}
    ),
    ("GET", "/"): plain("Say that the server is there.", TEXT),
}
