"""Turn an embedding request of any protocol into vectors: find the model, ask the engine, wait.

Knows the residency and the engine; does not know JSON, HTTP or which protocol asks. A request's own
faults are reported before the model's, and those before an option's, as Ollama does
(Ollama 0.33's API, read 2026-11).
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter_ns

from simile.engine.residency import Residency
from simile.engine.resident import Resident
from simile.errors import ModelNotFoundError
from simile.models.facts import ModelFacts
from simile.server.gojson.options import window_of
from simile.server.http.endpoint import Call, aside
from simile.server.inputs import check_count
from simile.server.model_names import AskedModel, not_found
from simile.server.timing import log_fields
from simile.types import EmbedResult, Role

_MANY_TEXTS = 256
"""More are handed to the engine beside the event loop."""


@dataclass(frozen=True, slots=True)
class EmbedRequest:
    """A checked request; built by the parse functions."""

    model: AskedModel
    texts: Sequence[str] = ()
    token_ids: Sequence[Sequence[int]] = ()
    truncate: bool = True
    dimensions: int = 0
    keep_alive_s: float | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    input_type: Role | None = None
    prompt_name: str = ""
    """A prompt of the checkpoint's by its own name, or a role."""
    base64: bool = False
    normalize: bool = True
    """Whether vectors are brought to length 1, also where the model leaves them longer."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """The engine's answer; no result if the request only loads the model."""

    result: EmbedResult | None
    facts: ModelFacts
    load_ns: int
    total_ns: int

    @property
    def token_count(self) -> int:
        """Tokens read for all texts together, special tokens included."""
        return int(self.result.token_counts.sum()) if self.result else 0


async def embed(request: EmbedRequest, residency: Residency, call: Call) -> Embedded:
    """Take a place in the queue, load the model if need be, and embed.

    Raises OverloadedError if the queue is full, OptionError, and what the engine raises.
    """
    count = len(request.texts) + len(request.token_ids)
    check_count(count, "input")
    call.state.enqueue(count)
    model, start = request.model, perf_counter_ns()
    try:
        async with residency.using(model.name, keep_alive_s=request.keep_alive_s) as resident:
            load_ns = max(1, perf_counter_ns() - start)
            if request.token_ids or len(request.texts) > _MANY_TEXTS:
                future = await aside(partial(_submit, request, resident))
            else:
                future = _submit(request, resident)
            result: EmbedResult | None = None
            if future:
                result = await call.wait(future)
            facts, total_ns = resident.embedder.facts, perf_counter_ns() - start
    except ModelNotFoundError as exc:
        raise not_found(model.text, "pull") from exc
    call.state.log_fields = log_fields(model.text, result)
    return Embedded(result, facts, load_ns, total_ns)


def _submit(request: EmbedRequest, resident: Resident) -> Future[EmbedResult] | None:
    embedder = resident.embedder
    window = window_of(request.options)
    if window is not None and window <= 0:
        window = embedder.context_length
    if request.token_ids:
        submit = partial(embedder.submit_tokens, request.token_ids)
    elif request.texts:
        submit = partial(embedder.submit, request.texts)
    else:
        return None
    return submit(
        role=request.input_type,
        prompt_name=request.prompt_name,
        max_tokens=window,
        truncate=request.truncate,
    )
