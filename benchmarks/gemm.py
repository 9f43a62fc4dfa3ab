"""Measure the matrix products that OpenVINO reaches here: what an engine on it could do at most.

A chain of products with constant matrices, so that converting the input to bf16 counts for little.
"""

from typing import Any

import numpy as np
from benchmarks.machine import cores
from benchmarks.timing import time_runs

SHAPES = {"1024 x 384 x 1536": (1024, 384, 1536), "2048 x 2048 x 2048": (2048, 2048, 2048)}
"""Rows, and the two widths between which the chain goes back and forth."""
PAIRS = 2


def measure(precision: str, shape: tuple[int, int, int]) -> float:
    """GFLOP/s of the best of thirty runs."""
    from openvino import Core

    rows, inner, outer = shape
    options = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": cores()}
    compiled = Core().compile_model(_chain(*shape), "CPU", {**options, "NUM_STREAMS": 1})
    request = compiled.create_infer_request()
    request.set_input_tensor(_tensor(np.ones((rows, inner), np.float32)))
    best_s = time_runs(request.infer, runs=30, warm_up=3).best
    return 2 * rows * inner * outer * 2 * PAIRS / best_s / 1e9


def _tensor(values: Any) -> Any:
    from openvino import Tensor

    return Tensor(values)


def _chain(rows: int, inner: int, outer: int) -> Any:
    from openvino import Model, opset13

    random = np.random.default_rng(0)
    start = opset13.parameter([rows, inner], np.float32)
    value: Any = start
    for _ in range(PAIRS):
        for width, height in ((inner, outer), (outer, inner)):
            # Scaled so that the values neither grow nor vanish.
            weights = random.standard_normal((width, height), np.float32) / width**0.5
            value = opset13.matmul(value, opset13.constant(weights), False, False)
    return Model([opset13.result(value)], [start], "chain")
