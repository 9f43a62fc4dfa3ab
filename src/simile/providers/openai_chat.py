"""A conversation to an answer by OpenAI, or by whatever speaks as it does: POST
{base_url}/chat/completions, streamed as server-sent events.

Knows OpenAI's wire format (API reference, "Create chat completion" and its streaming, read
2026-11); does not know retries. One JSON object in place of a stream is taken too.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from simile.errors import ModelNotFoundError
from simile.providers.openai import openai_api, unknown_model
from simile.providers.remarks import remark_in
from simile.providers.remote_chat import PATIENCE, Part, RemoteChat
from simile.providers.streams import DONE, UnreadableError, events, read_object, without_bom
from simile.providers.tries import TryLimits


class OpenAIChat(RemoteChat):
    """A chat model behind OpenAI's API.

    A conversation that is too long for it is refused: TextTooLongError.
    """

    path = "/chat/completions"

    def __init__(
        self, name: str, *, base_url: str, api_key: str | None, limits: TryLimits | None = None
    ) -> None:
        """Name it as the API does (`gpt-5-mini`). Nothing is asked yet.

        ConfigError if base_url is OpenAI's own and there is no key; others may need none.
        """
        limits = limits or PATIENCE
        api = openai_api(base_url, api_key, limits)
        super().__init__(f"openai/{name.strip()}", api, limits=limits)

    def _body(self, messages: list[dict[str, str]]) -> dict[str, Any]:
        return {"model": self._model, "messages": messages, "stream": True}

    def _parts(self, lines: Iterator[bytes]) -> Iterator[Part]:
        lines = without_bom(lines)
        first = next((line for line in lines if line.strip()), b"")
        if first.lstrip().startswith(b"{"):
            yield parse_whole(b"\n".join([first, *lines]))
            return
        for data in events(chain([first], lines)):
            yield parse_event(data)

    def _unknown(self) -> ModelNotFoundError:
        return unknown_model(self._api, self._model)


def parse_event(data: bytes) -> Part:
    """Read an event of the stream. Raises UnreadableError for what is none."""
    return Part(done=True) if data.strip() == DONE else _parse(data, "delta")


def parse_whole(body: bytes) -> Part:
    """Read an answer that is no stream. Raises UnreadableError for what is none."""
    part = _parse(body, "message")
    if not part.failed and part.end_reason is None:
        raise UnreadableError("sent an object that is no answer")
    return Part(part.text, part.end_reason, True, part.failed, part.remark)


def _parse(data: bytes, field: str) -> Part:
    said = read_object(data)
    if said.get("error"):
        return Part(failed=True, remark=remark_in(said))
    choices = said.get("choices")
    if not isinstance(choices, list) or not choices:
        return Part()  # What it cost, or how harmful the question is thought to be.
    choice = choices[0] if isinstance(choices[0], dict) else {}
    message = choice.get(field) or {}
    # A model that declines says so in another field.
    text = (
        message.get("content") or message.get("refusal") or ""
        if isinstance(message, dict)
        else None
    )
    if not isinstance(text, str):
        raise UnreadableError("sent a part whose text is none")
    reason = choice.get("finish_reason")
    return Part(text, end_reason=reason if isinstance(reason, str) and reason else None)
