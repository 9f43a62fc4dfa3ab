"""The bricks of an encoder, as OpenVINO graph nodes: linear, layer norm, activation, attention.

Each takes nodes and float32 NumPy weights and gives a node. Knows no checkpoint and no device.
Shapes: batch, seq (padded tokens), width (hidden size), heads, head_size.
"""

import numpy as np
from numpy.typing import NDArray

from simile.errors import UnsupportedModelError
from simile.models.graph import Node, ops

Floats = NDArray[np.float32]


def weight(values: Floats) -> Node:
    """Put an array into the graph without copying it."""
    return ops.constant(np.ascontiguousarray(values), shared_memory=True)


def ints(*values: int) -> Node:
    """Put a small vector of integers (axes, shapes) into the graph."""
    return ops.constant(np.array(values, dtype=np.int64))


def embed(table: Floats, input_ids: Node) -> Node:
    """Look up the rows of table (rows, width) for ids (batch, seq): (batch, seq, width)."""
    return ops.gather(weight(table), input_ids, ints(0))


def linear(x: Node, matrix: Floats, bias: Floats | None) -> Node:
    """Multiply x (..., in) by the transpose of matrix (out, in), add bias (out,): (..., out)."""
    product = ops.matmul(x, weight(matrix), False, True)
    return product if bias is None else ops.add(product, weight(bias))


def layer_norm(x: Node, gain: Floats, bias: Floats | None, *, eps: float) -> Node:
    """Normalise the last axis to mean 0 and variance 1, then scale and perhaps shift.

    Ba, Kiros & Hinton 2016, https://arxiv.org/abs/1607.06450, equation 4.
    """
    normal = ops.mvn(x, ints(-1), True, eps, "inside_sqrt")
    scaled = ops.multiply(normal, weight(gain))
    return scaled if bias is None else ops.add(scaled, weight(bias))


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


def attention(query: Node, key: Node, value: Node, mask: Node, *, heads: int) -> Node:
    """Scaled dot-product attention of (batch, seq, width) nodes; gives (batch, seq, width).

    mask (batch, 1, 1, seq) is added to the scores: 0 for a token, hugely negative for padding.
    Vaswani et al. 2017, https://arxiv.org/abs/1706.03762, section 3.2.
    """
    parts = (_split_heads(x, heads) for x in (query, key, value))
    mixed = ops.scaled_dot_product_attention(*parts, mask)
    return ops.reshape(ops.transpose(mixed, ints(0, 2, 1, 3)), ints(0, 0, -1), True)


def attention_mask(token_mask: Node) -> Node:
    """Turn (batch, seq) int32, 1 = token, into the (batch, 1, 1, seq) float addend of attention."""
    padding = ops.subtract(np.float32(1), ops.convert(token_mask, "f32"))
    return ops.unsqueeze(ops.multiply(padding, np.float32(-1e9)), ints(1, 2))


def _split_heads(x: Node, heads: int) -> Node:
    """(batch, seq, width) to (batch, heads, seq, head_size)."""
    return ops.transpose(ops.reshape(x, ints(0, 0, heads, -1), True), ints(0, 2, 1, 3))
