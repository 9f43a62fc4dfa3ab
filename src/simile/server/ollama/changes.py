"""Turn the bodies of Ollama's routes that change models into names, and a pull into its lines.

Pure: no socket, no disk. POST /api/pull, POST /api/copy and DELETE /api/delete as Ollama v0.33
speaks them (Ollama 0.33's API, read 2026-11).
"""

from dataclasses import dataclass

from simile.errors import ModelNameError
from simile.hub.names import ModelName
from simile.hub.sources.source import PullProgress
from simile.models.local_model import LocalModel
from simile.server.errors import BodyError
from simile.server.gojson.decode import decode
from simile.server.gojson.encode import json_value
from simile.server.gojson.fields import BOOL, STRING, Kind, read_fields
from simile.server.model_names import read_name

NAMED_FIELDS: dict[str, Kind] = {"model": STRING, "name": STRING}
PULL_FIELDS: dict[str, Kind] = {**NAMED_FIELDS, "insecure": BOOL, "stream": BOOL}
COPY_FIELDS: dict[str, Kind] = {"source": STRING, "destination": STRING}
_SHORT = 12
"""Characters of a checksum that a status line shows."""
_WRITING = "writing manifest"


@dataclass(frozen=True, slots=True)
class PullRequest:
    """The model that a client wants pulled, and whether it wants every step reported."""

    name: ModelName
    stream: bool
    insecure: bool = False
    """Whether a registry is asked over plain http."""


@dataclass(frozen=True, slots=True)
class CopyRequest:
    """Which model gets which second name."""

    source: str
    """As the client wrote it."""
    from_name: ModelName
    to_name: ModelName


def parse_pull(body: bytes) -> PullRequest:
    """Read the body of POST /api/pull; raises BodyError and ModelNameError."""
    fields = read_fields(decode(body), "api.PullRequest", PULL_FIELDS)
    text = fields.get("model") or fields.get("name") or ""
    name = read_name(text)
    insecure = text.strip().lower().startswith("http://")
    if insecure and not fields.get("insecure"):
        raise BodyError("insecure protocol http")
    return PullRequest(name, fields.get("stream", True), insecure)


def parse_delete(body: bytes) -> tuple[str, ModelName]:
    """Read the body of DELETE /api/delete: the name as it came, and read; raises BodyError."""
    fields = read_fields(decode(body), "api.DeleteRequest", NAMED_FIELDS)
    text = fields.get("model") or fields.get("name") or ""
    return text, _valid("name", text)


def parse_copy(body: bytes) -> CopyRequest:
    """Read the body of POST /api/copy; raises BodyError."""
    fields = read_fields(decode(body), "api.CopyRequest", COPY_FIELDS)
    source, destination = fields.get("source", ""), fields.get("destination", "")
    return CopyRequest(source, _valid("source", source), _valid("destination", destination))


def _valid(field: str, text: str) -> ModelName:
    try:
        return read_name(text)
    except ModelNameError as exc:
        raise BodyError(f'{field} "{text}" is invalid') from exc


def render_status(status: str) -> bytes:
    """Write a status line, without a newline."""
    return json_value({"status": status})


def render_step(step: PullProgress) -> bytes:
    """Write one report of a pull as lines; a file goes by its checksum where that is known."""
    if step.status == _WRITING:
        # Files with a known checksum were verified as they arrived.
        return b"%b\n%b\n" % (render_status("verifying sha256 digest"), render_status(_WRITING))
    if step.file is None:
        return render_status(step.status) + b"\n"
    if not step.sha256:
        line = {"status": f"pulling {step.file}"}
        return _with_sizes(line, step.completed_bytes, step.total_bytes)
    return _layer(step.sha256, step.completed_bytes, step.total_bytes)


def render_present(model: LocalModel) -> bytes:
    """Write the line of a model that is here whole, as Ollama does for a layer it has."""
    return _layer(model.digest, model.size_bytes, model.size_bytes)


def _layer(sha256: str, completed: int, total: int | None) -> bytes:
    line = {"status": f"pulling {sha256[:_SHORT]}", "digest": f"sha256:{sha256}"}
    return _with_sizes(line, completed, total)


def _with_sizes(line: dict[str, str], completed: int, total: int | None) -> bytes:
    sizes = {"total": total, "completed": completed}
    known = {key: value for key, value in sizes.items() if value}
    return json_value(line | known) + b"\n"
