"""The bricks of an encoder, as OpenVINO graph nodes: linear, layer norm, activation.

Each takes nodes and float32 NumPy weights and gives a node. Knows no checkpoint and no device.
Shapes: batch, seq (padded tokens), width (hidden size).
"""

import numpy as np
from numpy.typing import NDArray

from simile.checkpoints.tensors import Half
from simile.errors import UnsupportedModelError
from simile.graph import Constant, Node, Tensor, Type, ops

Floats = NDArray[np.float32]


def weight(values: Floats | Half) -> Node:
    """Put an array into the graph, as float32, without copying it."""
    if not isinstance(values, Half):
        return ops.constant(np.ascontiguousarray(values), shared_memory=True)
    wide = ops.convert(_stored(values), "f32")
    # Without this mark OpenVINO would compute the float32 array, and keep it.
    wide.get_rt_info()["decompression_0"] = ""
    return wide


def ints(*values: int) -> Node:
    """Put a small vector of integers (axes, shapes) into the graph."""
    return ops.constant(np.array(values, dtype=np.int64))


def embed(table: Floats | Half, input_ids: Node) -> Node:
    """Look up the rows of table (rows, width) for ids (batch, seq): (batch, seq, width)."""
    if isinstance(table, Half):
        return ops.convert(ops.gather(_stored(table), input_ids, ints(0)), "f32")
    return ops.gather(weight(table), input_ids, ints(0))


def first_rows(table: Floats, input_ids: Node) -> Node:
    """Return as many rows of table (rows, width) as ids (batch, seq) are long: (seq, width).

    A batch may be padded past the table's end; what stands there is the last row again.
    """
    seq = ops.gather(ops.shape_of(input_ids, "i64"), np.int64(1), ints(0))
    places = ops.minimum(ops.range(np.int64(0), seq, np.int64(1), "i64"), np.int64(len(table) - 1))
    return ops.gather(weight(table), places, ints(0))


def linear(x: Node, matrix: Floats | Half, bias: Floats | None) -> Node:
    """Multiply x (..., in) by the transpose of matrix (out, in), add bias (out,): (..., out)."""
    product = ops.matmul(x, weight(matrix), False, True)
    return product if bias is None else ops.add(product, weight(bias))


def layer_norm(x: Node, gain: Floats, bias: Floats | None, *, eps: float) -> Node:
    """Normalize the last axis to mean 0 and variance 1, then scale and perhaps shift.

    Ba, Kiros & Hinton 2016, https://arxiv.org/abs/1607.06450, equation 4.
    """
    normal = ops.mvn(x, ints(-1), True, eps, "inside_sqrt")
    scaled = ops.multiply(normal, weight(gain))
    return scaled if bias is None else ops.add(scaled, weight(bias))


def rms_norm(x: Node, gain: Floats, *, eps: float) -> Node:
    """Divide the last axis by its root mean square, then scale.

    Zhang & Sennrich 2019, https://arxiv.org/abs/1910.07467, equation 4.
    """
    mean = ops.reduce_mean(ops.power(x, np.float32(2)), ints(-1), True)
    root = ops.sqrt(ops.add(mean, np.float32(eps)))
    return ops.multiply(ops.multiply(x, ops.divide(np.float32(1), root)), weight(gain))


def activation(x: Node, name: str) -> Node:
    """Apply an activation by its name in config.json; UnsupportedModelError if it is unknown.

    GELU: Hendrycks & Gimpel 2016, https://arxiv.org/abs/1606.08415, exact and by tanh.
    """
    match name:
        case "gelu" | "gelu_python":
            return ops.gelu(x, "erf")
        case "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" | "gelu_accurate" | "gelu_python_tanh":
            return ops.gelu(x, "tanh")
        case "relu":
            return ops.relu(x)
        case "silu" | "swish":
            return ops.swish(x)
        case "tanh":
            return ops.tanh(x)
        case "sigmoid":
            return ops.sigmoid(x)
        case "identity" | "linear":
            return x
    raise UnsupportedModelError(f"activation {name!r} is not built here; the model is refused")


def _stored(values: Half) -> Node:
    kind = Type.bf16 if values.kind == "BF16" else Type.f16
    return Constant(Tensor(values.bits, list(values.bits.shape), kind), shared_memory=True)
