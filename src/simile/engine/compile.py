"""Turn an encoder's graph into running code for this machine's CPU.

Knows OpenVINO; does not know texts, queues or threads. Errors of OpenVINO become EngineError here.
Property names: https://docs.openvino.ai, CPU device (read 2026-11).
"""

import os
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simile.errors import EngineError
from simile.models.encoder import Encoder
from simile.types import Embeddings, Precision

if TYPE_CHECKING:
    from openvino import Core

Ints = NDArray[np.int32]

THREADS_PER_STREAM = 2
"""On two cores one stream of two threads is as fast for bulk as two of one, and faster for one text."""


class CompiledEncoder:
    """A compiled graph and as many runners as it has streams."""

    def __init__(self, encoder: Encoder, *, precision: Precision = "auto") -> None:
        """Compile; EngineError if the precision is not to be had or OpenVINO refuses the graph."""
        self.precision = _choose(precision)
        self._encoder = encoder  # The graph's constants point into its files.
        cores = _cores()
        streams = max(1, cores // THREADS_PER_STREAM)
        options: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": self.precision,
            "NUM_STREAMS": streams,
            "INFERENCE_NUM_THREADS": cores,
        }
        try:
            compiled = _core().compile_model(encoder.graph(), "CPU", options)
            self.runners = [Runner(compiled.create_infer_request()) for _ in range(streams)]
        except RuntimeError as exc:
            raise EngineError(f"the model could not be compiled: {exc}") from exc


class Runner:
    """One stream of a compiled graph; used by one thread at a time."""

    def __init__(self, request: Any) -> None:
        self._request = request
        self._inputs = [request.get_input_tensor(0), request.get_input_tensor(1)]

    def run(self, input_ids: Ints, token_mask: Ints) -> Embeddings:
        """Compute (batch, dim) float32 from two (batch, seq) int32; blocks, without the GIL.

        Raises EngineError if the computation fails; the runner can be used again.
        """
        try:
            # Copied, never shared: OpenVINO 2026.4 corrupts the heap where a request that was
            # given shared inputs is followed by one that was not.
            for tensor, values in zip(self._inputs, (input_ids, token_mask), strict=True):
                tensor.shape = values.shape
                tensor.data[:] = values
            self._request.infer()
            return np.array(self._request.get_output_tensor(0).data, dtype=np.float32)
        except RuntimeError as exc:
            raise EngineError(f"inference failed on a batch of {input_ids.shape}: {exc}") from exc


def _choose(precision: Precision) -> str:
    native = "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if precision == "auto":
        return "bf16" if native else "f32"
    if precision == "bf16" and not native:
        raise EngineError("precision bf16: this CPU has no bf16 instructions; use f32 or auto")
    return precision


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows
        return os.cpu_count() or 1


@cache
def _core() -> "Core":
    from openvino import Core

    return Core()
