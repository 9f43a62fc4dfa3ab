"""Answer with the OpenAPI document of the server's routes, and with a page made of it.

openapi.json beside this file is the document; only what differs between servers is filled in here.
Source: the OpenAPI Specification 3.1.1, read 2026-11.
"""

import asyncio
from dataclasses import replace
from importlib.resources import files

import orjson

from simile.server.http.dialects import OLLAMA
from simile.server.http.endpoint import Call, Response
from simile.server.local_models import LocalModels
from simile.server.spec.page import CONTENT_TYPE, POLICY, Schema, render_page

PAGE = replace(OLLAMA, content_type=CONTENT_TYPE)


def document(*, has_keys: bool, vocab_size: int = 0) -> Schema:
    """Return the document of a server; vocab_size is its largest vocabulary, 0 without a model."""
    written: Schema = orjson.loads(files(__package__).joinpath("openapi.json").read_bytes())
    if vocab_size:
        written["components"]["schemas"]["TokenId"]["maximum"] = vocab_size - 1
    if not has_keys:
        del written["components"]["securitySchemes"]
        for item in written["paths"].values():
            for operation in item.values():
                operation.pop("security", None)
                operation["responses"].pop("401", None)
    return written


class SpecHandlers:
    """The document of one server, and the page made of it."""

    def __init__(self, models: LocalModels, *, has_keys: bool) -> None:
        self._models = models
        self._has_keys = has_keys

    async def openapi(self, call: Call) -> Response:
        """GET /openapi.json."""
        return Response(orjson.dumps(await asyncio.to_thread(self._document)))

    async def page(self, call: Call) -> Response:
        """GET /docs."""
        headers = ((b"content-security-policy", POLICY), (b"x-content-type-options", b"nosniff"))
        return Response(render_page(await asyncio.to_thread(self._document)), headers)

    def _document(self) -> Schema:
        vocab_size = max(
            (facts.sizes.vocab_size for _, facts in self._models.all() if facts), default=0
        )
        return document(has_keys=self._has_keys, vocab_size=vocab_size)
