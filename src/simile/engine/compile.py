"""Turn an encoder's graph into running code for this machine's CPU.

Knows OpenVINO; does not know texts, queues or threads. Errors of OpenVINO become EngineError here.
Property names: https://docs.openvino.ai, CPU device (read 2026-11).
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from simile.engine import memory, tuning
from simile.errors import EngineError
from simile.types import Embeddings, Precision

if TYPE_CHECKING:
    from simile.graph import Core, Model

Ints = NDArray[np.int32]

TRIAL_LENGTH = 128
"""Tokens of each text of the batches that are computed to find a plan."""
TURNS = 3
TURN_S = 1.0
"""A model that takes longer for two batches is too large to try plans with."""
EXACT_TOKENS = 32
"""With precision "auto", a batch of so few padded tokens is computed in f32: half a millisecond
more for one query (1.9 against 1.4 ms), and its vector equals the reference's to six digits."""
KERNELS = 200
"""How many pieces of code for batches' shapes are kept, some five for each shape. After 1,800
shapes they take 105 MiB; with the 5,000 that OpenVINO keeps, 341 after 869. Mixed work is no
slower."""
NARROW = 32
"""Token vectors up to so wide are computed in f32 where bf16 was asked for: one text is then no
slower, many are by a fifth, and rounding weighs most where few numbers are summed (a cosine of
0.998 to f32 over three layers of Gemma 3 that are 10 wide)."""


class Buildable(Protocol):
    """What has a graph from input_ids and token_mask, and token_types where the model has types, to
    a row of numbers for each text.
    """

    def graph(self) -> "Model":
        """Build it; its constants may point into what this object holds."""
        ...

    def let_go(self) -> None:
        """Free memory that the graph has read; it may read it again."""
        ...


class CompiledEncoder:
    """A graph, compiled for each precision when it is first needed, and its runners."""

    def __init__(
        self,
        encoder: Buildable,
        *,
        precision: Precision = "auto",
        exact_tokens: int = EXACT_TOKENS,
        width: int | None = None,
        derived: Path | None = None,
    ) -> None:
        """Build the graph. Raises what `graph` raises; EngineError for an unsupported precision.

        `width` is that of the token vectors; where it is not given, they are not narrow. `derived`
        is the folder in which it is kept how this machine computes best; where it says nothing yet,
        that is tried first, for some seconds at most.
        """
        self.precision = choose(precision)
        if self.precision == "bf16" and width is not None and width <= NARROW:
            self.precision = "f32"
        self.exact_tokens = exact_tokens if precision == "auto" else 0
        self._encoder = encoder  # The graph's constants point into its files.
        self._graph = encoder.graph()
        self._compiled: dict[str, Any] = {}
        self._compiling = Lock()
        kept = derived / f"plan-{_machine(self.precision)}.json" if derived else None
        self.plan = tuning.read_or_find(kept, _cores(), self._compare)

    def runners(self) -> "list[Runner]":
        """Return one runner per stream; they hold this object, which does not hold them."""
        return [Runner(self) for _ in range(self.plan.streams)]

    def request(self, precision: str) -> Any:
        """Return a new inference request in this precision. Raises EngineError if it fails."""
        try:
            with self._compiling:
                if precision not in self._compiled:
                    self._compiled[precision] = self._compile(precision, self.plan.streams)
            return self._compiled[precision].create_infer_request()
        except RuntimeError as exc:
            raise EngineError(f"the model could not be compiled: {exc}") from exc

    def rest(self) -> None:
        """Free unused memory: weights as they were read, and free blocks.

        What is compiled has its own copy of all weights but the tables.
        """
        self._encoder.let_go()
        memory.trim()

    def _compile(self, precision: str, streams: int) -> Any:
        options = {
            # The CPU's fastest arithmetic for what is not quantized.
            "INFERENCE_PRECISION_HINT": choose("auto") if precision == "int8" else precision,
            "NUM_STREAMS": streams,
            "INFERENCE_NUM_THREADS": _cores(),
            # A pinned thread waits for its core while a server's other threads are on it.
            "ENABLE_CPU_PINNING": False,
            "CPU_RUNTIME_CACHE_CAPACITY": KERNELS,
        }
        return _core().compile_model(self._graph, "CPU", options)

    def _compare(self, first: tuning.Plan, second: tuning.Plan) -> float:
        """Compute made-up texts as either plan says, in turns; how many times faster the second is.

        The median of turns that follow each other at once, as a machine's speed is not steady.
        """
        try:
            sides = [self._trial(plan) for plan in (first, second)]
            start_s = perf_counter()
            for requests in sides:  # Makes the kernels.
                _rate(requests)
            if perf_counter() - start_s > TURN_S:
                return 1.0
            turns = [[_rate(requests) for requests in sides] for _ in range(TURNS)]
        except RuntimeError as exc:
            raise EngineError(f"the model could not be compiled: {exc}") from exc
        ratios: list[float] = [after / before for before, after in turns]
        return sorted(ratios)[len(ratios) // 2]

    def _trial(self, plan: tuning.Plan) -> list[Any]:
        compiled = self._compile(self.precision, plan.streams)
        requests = [compiled.create_infer_request() for _ in range(plan.streams)]
        shape = (plan.batch_tokens // TRIAL_LENGTH, TRIAL_LENGTH)
        ids = np.arange(np.prod(shape), dtype=np.int32).reshape(shape) % 7 + 1
        types = [np.zeros_like(ids) for _ in self._graph.inputs[2:]]
        for request in requests:
            _fill(request, ids, np.ones_like(ids), *types)
        return requests


class Runner:
    """One stream of a compiled graph; used by one thread at a time."""

    def __init__(self, compiled: CompiledEncoder) -> None:
        self._compiled = compiled
        self._requests: dict[str, Any] = {}

    def run(self, input_ids: Ints, token_mask: Ints, token_types: Ints | None = None) -> Embeddings:
        """Compute (batch, dim) float32 from (batch, seq) int32 each; blocks, without the GIL.

        Raises EngineError if the computation fails; the runner can be used again.
        """
        few = input_ids.size <= self._compiled.exact_tokens
        precision = "f32" if few else self._compiled.precision
        if precision not in self._requests:
            self._requests[precision] = self._compiled.request(precision)
        request = self._requests[precision]
        try:
            inputs = (input_ids, token_mask, token_types)
            _fill(request, *(values for values in inputs if values is not None))
            request.infer()
            return np.array(request.get_output_tensor(0).data, dtype=np.float32)
        except RuntimeError as exc:
            raise EngineError(f"inference failed on a batch of {input_ids.shape}: {exc}") from exc


def _rate(requests: Sequence[Any]) -> float:
    """Tokens per second of one batch in each request, all at the same time."""
    start_s = perf_counter()
    for request in requests:
        request.start_async()
    for request in requests:
        request.wait()
    tokens: int = sum(request.get_input_tensor(0).size for request in requests)
    return tokens / (perf_counter() - start_s)


def _fill(request: Any, *inputs: Ints) -> None:
    """Copy, never share: OpenVINO 2026.4 corrupts the heap where a request that was given shared
    inputs is followed by one that was not.
    """
    for place, values in enumerate(inputs):
        tensor = request.get_input_tensor(place)
        tensor.shape = values.shape
        tensor.data[:] = values


def compute(
    graph: "Model", batches: Iterable[Sequence[NDArray[Any]]]
) -> Iterator[list[Embeddings]]:
    """Compute all outputs of a graph in f32 for each batch of inputs. Raises EngineError."""
    try:
        compiled = _core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        request = compiled.create_infer_request()
        for batch in batches:
            request.infer(list(batch))
            yield [np.array(tensor.data) for tensor in request.output_tensors]
    except RuntimeError as exc:
        raise EngineError(f"the model could not be computed: {exc}") from exc


def choose(precision: Precision) -> str:
    """Return this CPU's arithmetic for a precision. Raises EngineError for an unsupported one."""
    native = "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if precision == "auto":
        return "bf16" if native else "f32"
    if precision == "bf16" and not native:
        raise EngineError("precision bf16: this CPU has no bf16 instructions; use f32 or auto")
    return precision


def _machine(precision: str) -> str:
    """Return a key for plans: this processor, its cores, OpenVINO's version, the precision."""
    core = _core()
    version = core.get_versions("CPU")["CPU"].build_number
    name = core.get_property("CPU", "FULL_DEVICE_NAME")
    words = f"{name} {_cores()} {version} {precision}"
    return sha256(words.encode()).hexdigest()[:12]


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows
        return os.cpu_count() or 1


@cache
def _core() -> "Core":
    from simile.graph import Core

    return Core()
