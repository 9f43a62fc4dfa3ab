"""A conversation to an answer by an Ollama server: POST /api/chat, streamed as NDJSON.

Knows Ollama's wire format (docs/api.md and docs/api/errors.mdx of Ollama 0.33, read 2026-11); does
not know retries. What a model thinks before it answers is left out.
"""

from collections.abc import Iterator
from typing import Any

from simile.errors import InputError, ModelNotFoundError
from simile.providers.ollama import ollama_api, unknown_model
from simile.providers.remarks import remark_in
from simile.providers.remote_chat import PATIENCE, Part, RemoteChat
from simile.providers.streams import UnreadableError, read_object
from simile.providers.tries import TryLimits


class OllamaChat(RemoteChat):
    """A chat model of an Ollama server, or of whatever speaks as one."""

    path = "/api/chat"

    def __init__(
        self,
        name: str,
        *,
        host: str,
        context_tokens: int | None = None,
        limits: TryLimits | None = None,
    ) -> None:
        """Name it as Ollama does (`llama3.2`); host is a base URL. Nothing is asked yet.

        context_tokens is the room for conversation and answer together, num_ctx to Ollama, at the
        price of memory; by default it is Ollama's, often 4,096. A conversation that does not fit is
        refused (TextTooLongError) from Ollama 0.12.6 on; before, its beginning is cut off unsaid.
        """
        if context_tokens is not None and (
            isinstance(context_tokens, bool)
            or not isinstance(context_tokens, int)
            or context_tokens < 1
        ):
            raise InputError(f"context_tokens is {context_tokens!r}; expected a number above 0")
        limits = limits or PATIENCE
        super().__init__(f"ollama/{name.strip()}", ollama_api(host, limits), limits=limits)
        self._context_tokens = context_tokens

    def _body(self, messages: list[dict[str, str]]) -> dict[str, Any]:
        # Without the last two, Ollama drops old messages and the start of a long one, and, while it
        # answers, half of what it has read. They are in api/types.go, not in the documentation.
        body: dict[str, Any] = {
            "model": self._model,
            "messages": messages,
            "stream": True,
            "truncate": False,
            "shift": False,
        }
        if self._context_tokens is not None:
            body["options"] = {"num_ctx": self._context_tokens}
        return body

    def _parts(self, lines: Iterator[bytes]) -> Iterator[Part]:
        return (parse_line(line) for line in lines if line.strip())

    def _unknown(self) -> ModelNotFoundError:
        return unknown_model(self._api, self._model)


def parse_line(line: bytes) -> Part:
    """Read a line of the stream. Raises UnreadableError for what is none."""
    said = read_object(line)
    if said.get("error"):
        return Part(failed=True, remark=remark_in(said))
    message = said.get("message") or {}
    text = (message.get("content") or "") if isinstance(message, dict) else None
    if not isinstance(text, str):
        raise UnreadableError("sent a part whose text is none")
    if said.get("done") is not True:
        return Part(text)
    reason = said.get("done_reason")
    return Part(text, end_reason=reason if isinstance(reason, str) else "stop", done=True)
