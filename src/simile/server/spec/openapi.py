"""Turn the server's routes into one OpenAPI document: what each accepts, and what it answers.

Knows how operations are written down; what is said of a route stands in `operations`, and a route
of which nothing is said is an error. The answers that any route may give are added here.
Source: the OpenAPI Specification 3.1.1, read 2026-11.
"""

import asyncio
from collections.abc import Iterable

import orjson
from starlette.routing import Route

from simile.hub.hub import Hub
from simile.server.errors import ollama_body
from simile.server.http.access import OPEN_PATHS
from simile.server.http.endpoint import Answer, Call, Protocol
from simile.server.http.refusals import is_openai
from simile.server.ollama.handlers import facts_or_none
from simile.server.ollama.models import VERSION
from simile.server.spec.docs_page import CONTENT_TYPE, POLICY, render_page
from simile.server.spec.operation import Operation
from simile.server.spec.operations import OPERATIONS
from simile.server.spec.schemas import COMPONENTS, JSON, TEXT, Schema, ref

PAGE = Protocol(CONTENT_TYPE, ollama_body)

_ABOUT = (
    "Embeddings in the formats of Ollama, of OpenAI and of text-embeddings-inference, and reranking"
    " in those of Cohere and Jina. The version is that of Ollama whose formats"
    " are spoken. Bodies are read as JSON whatever their Content-Type, names of fields match"
    " whatever their case, fields that are not listed are ignored, and null means absent. HEAD"
    " works wherever GET does. Every answer has the header x-request-id. Beyond 4,096 connections"
    " the answer is 503."
)
_WHYS = {
    400: "The body, a name in it or a value is not what the route takes.",
    401: "No API key came, or one that the server does not know.",
    403: "The Host or the Origin may not ask (no body), or the server does not offer this.",
    404: "There is no such model.",
    405: "The path takes other methods.",
    408: "The body came too slowly; the connection is closed.",
    413: "The body is too large; the connection is closed.",
    422: "The body, a name in it or a value is not what the route takes.",
    424: "The model is of a kind that cannot run, or its computation failed.",
    429: "Too much is waiting; try again.",
    500: "Something failed that the client cannot mend.",
    501: "The model is of a kind that this server cannot run.",
    502: "Another server that this one asked gave no usable answer.",
    503: "Too much is waiting, or the server is stopping; try again.",
}
_HEADERS = {
    401: {"WWW-Authenticate": "Always `Bearer`, with the realm."},
    405: {"Allow": "The methods that the path takes."},
    429: {"Retry-After": "Seconds."},
    503: {"Retry-After": "Seconds, where too much is waiting."},
}
_ALWAYS = (403, 405, 408, 413, 500, 503)


def document(routes: Iterable[Route], *, has_keys: bool, vocab_size: int = 0) -> Schema:
    """Write the document; KeyError for a route of which nothing is said in `operations`.

    vocab_size is that of the model with the largest vocabulary, 0 if there is none.
    """
    paths: dict[str, dict[str, object]] = {}
    components = dict(COMPONENTS)
    if vocab_size:
        token_id = {**COMPONENTS["schemas"]["TokenId"], "maximum": vocab_size - 1}
        components["schemas"] = {**COMPONENTS["schemas"], "TokenId": token_id}
    for route in routes:
        path = route.path.replace(":path}", "}")
        for method in sorted(route.methods or ()):
            if method == "HEAD" and "GET" in (route.methods or ()):
                continue
            said = OPERATIONS[method, path]
            paths.setdefault(path, {})[method.lower()] = _operation(
                method, path, said, is_keyed=has_keys and path not in OPEN_PATHS
            )
    if has_keys:
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "simile", "version": VERSION, "description": _ABOUT},
        "paths": paths,
        "components": components,
    }


def _operation(method: str, path: str, said: Operation, *, is_keyed: bool) -> Schema:
    written: Schema = {
        "operationId": f"{method.lower()} {path}",
        "tags": [said.tag],
        "summary": said.summary,
    }
    if said.parameters:
        written["parameters"] = [
            {"name": name, "in": "path", "required": True, **parameter}
            for name, parameter in said.parameters.items()
        ]
    if said.body:
        written["requestBody"] = {"required": True, "content": {JSON: {"schema": said.body}}}
    responses = {str(status): answer for status, answer in said.answers.items()}
    for status in sorted({*_ALWAYS, *said.errors, *((401,) if is_keyed else ())}):
        responses.setdefault(str(status), _error(status, path, said, has_body=method != "HEAD"))
    written["responses"] = responses
    if is_keyed:
        written["security"] = [{"key": []}]
    return written


def _error(status: int, path: str, said: Operation, *, has_body: bool) -> Schema:
    envelope = "OpenAIError" if is_openai(path) else "Error"
    answer: Schema = {"description": _WHYS[status]}
    if has_body:
        answer["content"] = {JSON: {"schema": ref(envelope)}}
        if status == 405 and not is_openai(path):
            answer["content"] = TEXT
        elif status == 404 and said.may_miss:
            answer["content"] = {JSON: {"schema": ref(envelope)}, **TEXT}
    if status in _HEADERS:
        answer["headers"] = {
            name: {"description": about, "schema": {"type": "string"}}
            for name, about in _HEADERS[status].items()
        }
    return answer


class Pages:
    """The document of one server, and the page made of it."""

    def __init__(self, routes: Iterable[Route], hub: Hub, *, has_keys: bool) -> None:
        """`routes` may grow until the document is asked for."""
        self._routes = routes
        self._hub = hub
        self._has_keys = has_keys

    async def openapi(self, call: Call) -> Answer:
        """GET /openapi.json."""
        return Answer(orjson.dumps(await asyncio.to_thread(self._document)))

    async def docs(self, call: Call) -> Answer:
        """GET /docs."""
        headers = ((b"content-security-policy", POLICY), (b"x-content-type-options", b"nosniff"))
        return Answer(render_page(await asyncio.to_thread(self._document)), headers)

    def _document(self) -> Schema:
        all_facts = map(facts_or_none, self._hub.list())
        vocab_size = max((facts.vocab_size for facts in all_facts if facts), default=0)
        return document(self._routes, has_keys=self._has_keys, vocab_size=vocab_size)
