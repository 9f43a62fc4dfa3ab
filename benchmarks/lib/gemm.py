"""Measure OpenVINO's matrix products on this machine: the upper limit of an engine that uses it.

Runs a chain of products with constant matrices, so that converting the input to bf16 hardly counts.
In int8, every input and matrix is quantized as in the engine.
"""

from typing import Any

import numpy as np
from benchmarks.lib.machine import cores
from benchmarks.lib.timing import time_within

SHAPES = {"1024 x 384 x 1536": (1024, 384, 1536), "2048 x 2048 x 2048": (2048, 2048, 2048)}
"""Rows, and the two widths that the chain alternates between."""
PAIRS = 2
BUDGET_S = 2.0
INPUT_LEVELS, MATRIX_LEVELS = 256, 255
INPUT_RANGE = 4.0
"""Range of int8 inputs, whose values are roughly normal."""


def measure(precision: str, shape: tuple[int, int, int]) -> float:
    """Return the GFLOP/s of the best run within BUDGET_S."""
    from openvino import Core

    from simile.engine.compile import choose

    rows, inner, outer = shape
    quantized = precision == "int8"
    hint = choose("auto") if quantized else precision
    options = {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": cores()}
    chain = _chain(*shape, quantized=quantized)
    compiled = Core().compile_model(chain, "CPU", {**options, "NUM_STREAMS": 1})
    request = compiled.create_infer_request()
    request.set_input_tensor(_tensor(np.ones((rows, inner), np.float32)))
    request.infer()
    best_s = time_within(request.infer, budget_s=BUDGET_S, most=30).best
    return 2 * rows * inner * outer * 2 * PAIRS / best_s / 1e9


def _tensor(values: Any) -> Any:
    from openvino import Tensor

    return Tensor(values)


def _chain(rows: int, inner: int, outer: int, *, quantized: bool) -> Any:
    from openvino import Model, opset13

    random = np.random.default_rng(0)
    start = opset13.parameter([rows, inner], np.float32)
    value: Any = start
    for _ in range(PAIRS):
        for width, height in ((inner, outer), (outer, inner)):
            # Scaled so that values neither explode nor vanish.
            weights = random.standard_normal((width, height), np.float32) / width**0.5
            matrix: Any = opset13.constant(weights)
            if quantized:
                value = _quantize(value, INPUT_RANGE, INPUT_LEVELS)
                matrix = _quantize(matrix, float(abs(weights).max()), MATRIX_LEVELS)
            value = opset13.matmul(value, matrix, False, False)
    return Model([opset13.result(value)], [start], "chain")


def _quantize(value: Any, largest: float, levels: int) -> Any:
    from openvino import opset13

    limits = [opset13.constant(np.float32(limit)) for limit in (-largest, largest)]
    return opset13.fake_quantize(value, *limits, *limits, levels)
