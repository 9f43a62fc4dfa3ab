"""Turn what is known of local models into Ollama's answers about them: tags, show, ps, version.

Pure: no socket, no disk. Keys, their order and their omission as Ollama v0.33 has them, told by
Ollama 0.33's API (read 2026-11).
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from simile.engine.residency import Resident
from simile.models.facts import ModelFacts
from simile.models.local import LocalModel
from simile.models.names import ModelName
from simile.server.body import decode
from simile.server.errors import BodyError
from simile.server.fields import BOOL, MAP, STRING, Kind, read_fields
from simile.server.text import json_time, json_value

VERSION = "0.33.0"
"""The version of Ollama whose API is spoken here; clients refuse to talk to a much older one."""

_SHOW: dict[str, Kind] = {
    "model": STRING,
    "name": STRING,
    "system": STRING,
    "verbose": BOOL,
    "options": MAP,
}
_POOLING = {"mean": 1, "cls": 2, "last": 3}
_FILE_TYPES = {"F32": 0, "F16": 1, "BF16": 32}
_CAPABILITIES = ["embedding"]
# Ollama's "forever" is Go's longest duration, 292 years.
_FOREVER = timedelta(microseconds=2**63 // 1000)


def parse_show(body: bytes) -> ModelName:
    """Read the body of POST /api/show; raises BodyError and ModelNameError."""
    fields = read_fields(decode(body), "api.ShowRequest", _SHOW)
    model = fields.get("model") or fields.get("name")
    if not model:
        raise BodyError("model is required")
    return ModelName.parse(model)


def render_tags(models: Sequence[tuple[LocalModel, ModelFacts | None]]) -> bytes:
    """Write the answer to GET /api/tags; no facts for a model whose files cannot be read."""
    return json_value({"models": [_tag(model, facts) for model, facts in models]})


def _tag(model: LocalModel, facts: ModelFacts | None) -> dict[str, object]:
    widths = facts and {"context_length": facts.context_length, "embedding_length": facts.dim}
    return {
        "name": model.name,
        "model": model.name,
        "modified_at": json_time(model.modified_at),
        "size": model.size_bytes,
        "digest": model.digest,
        "details": _details(facts) | (widths or {}),
        "capabilities": _CAPABILITIES,
    }


def _details(facts: ModelFacts | None) -> dict[str, object]:
    return {
        "parent_model": "",
        "format": "safetensors",
        "family": facts.model_type if facts else "",
        "families": [facts.model_type] if facts else None,
        "parameter_size": human_count(facts.parameter_count) if facts else "",
        "quantization_level": facts.weight_format if facts else "",
    }


def human_count(number: int) -> str:
    """Write a number of parameters as Ollama shows all-minilm's: 23M."""
    for unit, letter in ((10**9, "B"), (10**6, "M"), (10**3, "K")):
        if number >= unit:
            return f"{number / unit:.{1 if letter == 'B' else 0}f}{letter}"
    return str(number)


def render_show(model: LocalModel, facts: ModelFacts) -> bytes:
    """Write the answer to POST /api/show."""
    shown = {
        "license": model.licence,
        "parameters": f"{'num_ctx':<30} {facts.max_tokens}",
        "template": "{{ .Prompt }}",
        "details": _details(facts),
        "model_info": _model_info(facts),
        "capabilities": _CAPABILITIES,
        "modified_at": json_time(model.modified_at),
    }
    return json_value({key: value for key, value in shown.items() if value})


def _model_info(facts: ModelFacts) -> dict[str, object]:
    """Name the facts as a GGUF file of the model would; sorted, as Go writes a map."""
    kind = facts.model_type
    info = {
        "general.architecture": kind,
        "general.file_type": _FILE_TYPES.get(facts.weight_format),
        "general.parameter_count": facts.parameter_count,
        f"{kind}.attention.causal": False,
        f"{kind}.attention.head_count": facts.head_count,
        f"{kind}.attention.layer_norm_epsilon": facts.layer_norm_eps,
        f"{kind}.block_count": facts.layer_count,
        f"{kind}.context_length": facts.context_length,
        f"{kind}.embedding_length": facts.dim,
        f"{kind}.feed_forward_length": facts.feed_forward_size,
        f"{kind}.pooling_type": _POOLING.get(facts.pooling),
        "tokenizer.ggml.model": facts.tokenizer_kind,
    }
    return {key: value for key, value in sorted(info.items()) if value is not None}


def render_ps(residents: Sequence[Resident]) -> bytes:
    """Write the answer to GET /api/ps, what stays longest first."""
    forever = datetime.now(UTC) + _FOREVER
    entries = [(resident.expires_at or forever, resident) for resident in residents]
    entries.sort(key=lambda entry: entry[0], reverse=True)
    return json_value({"models": [_process(resident, until) for until, resident in entries]})


def _process(resident: Resident, expires_at: datetime) -> dict[str, object]:
    return {
        "name": resident.model.name,
        "model": resident.model.name,
        "size": resident.size_bytes,
        "digest": resident.model.digest,
        "details": _details(resident.embedder.facts),
        "expires_at": json_time(expires_at),
        "size_vram": 0,
        "context_length": resident.embedder.max_tokens,
    }


def render_version() -> bytes:
    """Write the answer to GET /api/version."""
    return json_value({"version": VERSION})
