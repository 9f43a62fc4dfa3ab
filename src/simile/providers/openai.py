"""Texts to vectors by OpenAI, or by whatever speaks as it does: POST {base_url}/embeddings.

Knows OpenAI's wire format (API reference, "Create embeddings", read 2026-11); does not know
retries. Vectors are asked for in base64, and taken as lists of numbers too.
"""

import binascii
from base64 import b64decode
from typing import Any

import numpy as np

from simile.config import DEFAULT_OPENAI_BASE_URL
from simile.errors import ConfigError, ModelNotFoundError, RemoteEngineError, TextTooLongError
from simile.providers.answers import to_vectors
from simile.providers.http import JsonApi
from simile.providers.remote import RemoteEmbedder, fingerprint_of
from simile.providers.tries import RefusedError, TryLimits
from simile.types import Embeddings

MAX_TOKENS = 8191
"""Of OpenAI's own models; the API tells no window, so for others this is an assumption."""


class OpenAIEmbedder(RemoteEmbedder):
    """A model behind OpenAI's API.

    OpenAI refuses a text that is too long, whatever `truncate` says: TextTooLongError.
    """

    max_tokens = MAX_TOKENS

    def __init__(
        self, name: str, *, base_url: str, api_key: str | None, limits: TryLimits | None = None
    ) -> None:
        """Name it as the API does (`text-embedding-3-small`). Nothing is asked yet.

        ConfigError if base_url is OpenAI's own and there is no key; others may need none.
        """
        super().__init__(f"openai/{name.strip()}", openai_api(base_url, api_key, limits))

    @property
    def fingerprint(self) -> str:
        """Name and width; the API tells nothing by which a changed model could be known."""
        return fingerprint_of({"openai": self._model, "dim": self.dim})

    def _embed_batch(self, texts: list[str], *, truncate: bool) -> Embeddings:
        body = {"model": self._model, "input": texts, "encoding_format": "base64"}
        try:
            answer = self._api.post("/embeddings", body, private=texts)
        except RefusedError as exc:
            # A 404 without an error's envelope comes from something that has no such API.
            if exc.status == 404 and exc.remark is not None:
                raise unknown_model(self._api, self._model) from exc
            if exc.status == 400 and "context length" in (exc.remark or ""):
                raise TextTooLongError(
                    f"{self._who} refused a text for its length; split it"
                ) from exc
            raise
        data = answer.get("data") if isinstance(answer, dict) else None
        return to_vectors(self._in_order(data), count=len(texts), engine=self._who)

    def _in_order(self, data: object) -> list[Any] | None:
        """Return the vectors in the order of the texts, which each entry's `index` tells."""
        if not isinstance(data, list):
            return None
        rows: dict[object, Any] = {}
        for place, entry in enumerate(data):
            if not isinstance(entry, dict):
                raise RemoteEngineError(f"{self._who} answered an entry that is no object")
            rows[entry.get("index", place)] = self._unpacked(entry.get("embedding"))
        if rows.keys() != set(range(len(data))):
            raise RemoteEngineError(
                f"{self._who} answered {len(data)} vectors whose index is not 0 to {len(data) - 1}"
            )
        return [rows[place] for place in range(len(data))]

    def _unpacked(self, embedding: object) -> object:
        """Read base64 of little-endian float32; leave what is a list already."""
        if not isinstance(embedding, str):
            return embedding
        try:
            return np.frombuffer(b64decode(embedding, validate=True), dtype="<f4")
        except (binascii.Error, ValueError) as exc:
            raise RemoteEngineError(f"{self._who} answered a vector that is no base64") from exc


def openai_api(base_url: str, api_key: str | None, limits: TryLimits | None) -> JsonApi:
    """Make the API ready. Raises ConfigError if it is OpenAI's own and there is no key."""
    if not api_key and base_url.rstrip("/") == DEFAULT_OPENAI_BASE_URL:
        raise ConfigError(
            "OPENAI_API_KEY is not set, and OpenAI answers nobody without a key; set it, or set"
            " OPENAI_BASE_URL to another server"
        )
    hint = "check OPENAI_BASE_URL and OPENAI_API_KEY"
    return JsonApi("OpenAI's API", base_url, hint=hint, api_key=api_key, limits=limits)


def unknown_model(api: JsonApi, model: str) -> ModelNotFoundError:
    """Word the error for a model that the API does not have."""
    return ModelNotFoundError(
        f"OpenAI's API at {api.url} has no model {model!r}; see its list of models"
    )
