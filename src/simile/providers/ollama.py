"""Texts to vectors by an Ollama server: POST /api/embed, /api/show and GET /api/tags.

Knows Ollama's wire format (docs/api.md of Ollama 0.33, read 2026-11); does not know retries. No
prompts are put before the texts: Ollama applies none, and its answers must stay comparable.
"""

import re
from functools import cached_property
from typing import Any

import numpy as np

from simile.errors import ModelNotFoundError, RemoteEngineError, TextTooLongError
from simile.providers.answers import to_vectors
from simile.providers.http import JsonApi
from simile.providers.remote import PROBE, RemoteEmbedder, fingerprint_of
from simile.providers.tries import RefusedError, TryLimits
from simile.types import Embeddings

_NUM_CTX = re.compile(r"^num_ctx\s+(\d+)\s*$", re.MULTILINE)


class OllamaEmbedder(RemoteEmbedder):
    """A model of an Ollama server, or of whatever speaks as one."""

    def __init__(self, name: str, *, host: str, limits: TryLimits | None = None) -> None:
        """Name it as Ollama does (`all-minilm`); host is a base URL. Nothing is asked yet."""
        super().__init__(f"ollama/{name.strip()}", ollama_api(host, limits))

    @cached_property
    def max_tokens(self) -> int:
        """The model's context length, or its num_ctx if that is less.

        Ollama may read less than this of a long text, by the memory that it has.
        """
        shown = self._ask("POST", "/api/show", {"model": self._model})
        info = shown.get("model_info") if isinstance(shown, dict) else None
        lengths = [
            value
            for key, value in (info.items() if isinstance(info, dict) else ())
            if key.endswith(".context_length") and isinstance(value, int)
        ]
        lengths += map(int, _NUM_CTX.findall(str(shown.get("parameters") or "")) if lengths else ())
        if not (lengths := [length for length in lengths if length > 0]):
            raise RemoteEngineError(f"{self._who} does not tell the model's context length")
        return min(lengths)

    @cached_property
    def fingerprint(self) -> str:
        """Digest of Ollama's manifest, and width."""
        tags = self._ask("GET", "/api/tags")
        models = tags.get("models") if isinstance(tags, dict) else None
        wanted = _full(self._model)
        for model in models if isinstance(models, list) else ():
            if isinstance(model, dict) and _full(str(model.get("name"))) == wanted:
                if isinstance(digest := model.get("digest"), str) and digest:
                    return fingerprint_of({"ollama": digest, "dim": self.dim})
                raise RemoteEngineError(f"{self._who} does not tell the model's digest")
        raise unknown_model(self._api, self._model)

    def _embed_batch(self, texts: list[str], *, truncate: bool) -> Embeddings:
        body = {"model": self._model, "input": texts, "truncate": truncate}
        try:
            answer = self._ask("POST", "/api/embed", body, private=texts)
        except RefusedError as exc:
            if exc.status == 400 and "context length" in (exc.remark or ""):
                raise TextTooLongError(
                    f"{self._who} refused a text for its length; split it, or allow truncation"
                ) from exc
            if exc.status == 400 and "NaN" in (exc.remark or ""):
                return self._embed_halves(texts, truncate=truncate)
            raise
        rows = answer.get("embeddings") if isinstance(answer, dict) else None
        return to_vectors(rows, count=len(texts), engine=self._who)

    def _embed_halves(self, texts: list[str], *, truncate: bool) -> Embeddings:
        """Find the texts for which Ollama computes NaN, for which it refuses the whole request."""
        if texts == [PROBE]:
            raise RemoteEngineError(f"{self._who} computes NaN for the plainest of texts")
        if len(texts) == 1:
            return np.full((1, self.dim), np.nan, dtype=np.float32)
        middle = len(texts) // 2
        halves = (texts[:middle], texts[middle:])
        first, second = (self._embed_checked(half, truncate=truncate) for half in halves)
        return np.concatenate((first, second))

    def _ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        private: list[str] | None = None,
    ) -> Any:
        try:
            if method == "GET":
                return self._api.get(path)
            return self._api.post(path, body or {}, private=private)
        except RefusedError as exc:
            # A 404 without Ollama's envelope comes from something that is no Ollama.
            if exc.status == 404 and exc.remark is not None:
                raise unknown_model(self._api, self._model) from exc
            raise


def ollama_api(host: str, limits: TryLimits | None) -> JsonApi:
    """Make the API ready. Raises ConfigError if host is no base URL."""
    hint = "start it with `ollama serve`, or set OLLAMA_HOST to where it listens"
    return JsonApi("Ollama", host, hint=hint, limits=limits)


def unknown_model(api: JsonApi, model: str) -> ModelNotFoundError:
    """Word the error for a model that Ollama does not have."""
    return ModelNotFoundError(
        f"Ollama at {api.url} has no model {model!r}; try: ollama pull {model}"
    )


def _full(name: str) -> str:
    """Write a name with its tag, and without what Ollama leaves out."""
    name = name.strip().lower().removeprefix("registry.ollama.ai/").removeprefix("library/")
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"
