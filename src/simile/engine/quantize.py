"""Turn an encoder's graph into one whose matrix products are computed with 8-bit integers.

Static: the ranges of the numbers are found once, from texts that come with this package. Each
column of a product's input is first made smaller, and of its matrix larger, by the same factor, so
that a few large columns do not cost all others their digits: SmoothQuant, Xiao et al. 2022,
https://arxiv.org/abs/2211.10438, equations 3 and 4. The quantized numbers themselves: Jacob et al.
2017, https://arxiv.org/abs/1712.05877. Knows OpenVINO's graphs; does not know the checkpoint, nor
which of its families the graph is of.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from simile.atomic import replacing
from simile.engine.compile import Buildable, compute
from simile.graph import Model, Node, ops
from simile.models.tokenizer import TokenizedText

Floats = NDArray[np.float32]

RECIPE = "2"
"""Changes with everything here that changes the numbers: a part of the cache's name."""
SMOOTHING = 0.8
"""How much of a column's range moves into the matrix. all-MiniLM, 1,000 texts, least and mean
cosine to f32: .995 and .9981. Chosen with recipe 1, where it gave .9957 and .9981, .7 .9941 and
.9978, .9 .9803 and .9957, 0 .9826 and .9929; the best for each product by its own error .9935 and
.9978, ranges without the outermost thousandth .9928 and .9976."""
INPUT_LEVELS = 256
MATRIX_STEPS = (127, 63)
"""On either side of 0, which stays 0: the first where this CPU multiplies exactly with it."""


@dataclass(frozen=True)
class Ranges:
    """Least and greatest value of each column of one product's input: float32 (width,)."""

    low: Floats
    high: Floats

    def joined(self, other: "Ranges") -> "Ranges":
        """Return the ranges that cover both."""
        return Ranges(np.minimum(self.low, other.low), np.maximum(self.high, other.high))


class QuantizedEncoder:
    """An encoder whose graph computes with 8-bit integers; finds the ranges when it is built."""

    def __init__(
        self,
        encoder: Buildable,
        tokenize: Callable[[list[str]], list[TokenizedText]],
        derived: Path | None,
    ) -> None:
        """`derived` is the folder in which the ranges are kept; without one they are not."""
        self._encoder = encoder
        self._tokenize = tokenize
        self._cached = derived / f"int8-{RECIPE}.npz" if derived else None

    def graph(self) -> Model:
        """Build the graph; the first time for a model this takes a second or more."""
        graph = self._encoder.graph()
        inputs = _inputs(graph)
        ranges = _read(self._cached, len(inputs))
        if ranges is None:
            ranges = _measure(graph, inputs, self._tokenize(calibration_texts()))
            _write(self._cached, ranges)
        for value, found in zip(inputs, ranges, strict=True):
            _quantize(value, found)
        graph.validate_nodes_and_infer_types()
        return graph

    def let_go(self) -> None:
        """Free the encoder's memory; see Encoder."""
        self._encoder.let_go()


@cache
def calibration_texts() -> list[str]:
    """Return the calibration texts, of many kinds, languages and lengths."""
    lines = files("simile.engine").joinpath("calibration.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in lines.splitlines()]


def _inputs(graph: Model) -> list[Any]:
    """Return the inputs of products with a constant matrix, each once, in order."""
    found: dict[tuple[str, int], Any] = {}
    for node in graph.get_ordered_ops():
        if _is_product(node):
            value = node.input_value(0)
            found.setdefault((value.get_node().get_name(), value.get_index()), value)
    return list(found.values())


def _is_product(node: Node) -> bool:
    """Whether this multiplies all tokens with one matrix; what comes after pooling does not."""
    return bool(
        node.get_type_name() == "MatMul"
        and node.input_value(0).get_partial_shape().rank.get_length() == 3
        and _stored(node).get_type_name() == "Constant"
        and len(_stored(node).get_output_shape(0)) == 2
        and not node.get_attributes()["transpose_a"]
    )


def _stored(product: Node) -> Node:
    """Where a product's matrix comes from."""
    return _unconverted(product.input_value(1).get_node())


def _unconverted(node: Node) -> Node:
    """Return the node, or the node before its conversion from 16 bits."""
    return node.input_value(0).get_node() if node.get_type_name() == "Convert" else node


def _measure(graph: Model, inputs: Sequence[Any], texts: list[TokenizedText]) -> list[Ranges]:
    """Compute the graph in f32, one text at a time, so that padding has no part in it."""
    watched = Model(list(inputs), graph.get_parameters(), "calibration")
    found: list[Ranges] = []
    for values in compute(watched, map(_inputs_of, texts)):
        rows = [value.reshape(-1, value.shape[-1]) for value in values]
        here = [Ranges(row.min(0), row.max(0)) for row in rows]
        found = [a.joined(b) for a, b in zip(found, here, strict=True)] if found else here
    return found


def _inputs_of(text: TokenizedText) -> list[NDArray[np.int32]]:
    types = [] if text.types is None else [text.types[None]]
    return [text.ids[None], np.ones_like(text.ids)[None], *types]


def _quantize(value: Any, ranges: Ranges) -> None:
    """Put quantized input and matrices into all products that this value goes into."""
    products = [t.get_node() for t in value.get_target_inputs() if _is_product(t.get_node())]
    matrices = [_matrix(one) for one in products]
    factor = _smoothing(ranges, matrices)
    low = min(float((ranges.low / factor).min()), 0.0)
    high = max(float((ranges.high / factor).max()), 0.0)
    limits = [_floats(low), _floats(high)]
    quantized = ops.fake_quantize(_smooth(value, factor), *limits, *limits, INPUT_LEVELS)
    for product, matrix in zip(products, matrices, strict=True):
        product.input(0).replace_source_output(quantized.output(0))
        whole, step = _in_8_bits(matrix * factor)
        if not product.get_attributes()["transpose_b"]:
            whole, step = whole.T.copy(), step.T.copy()
        stored = ops.multiply(ops.convert(ops.constant(whole), "f32"), _floats(step))
        product.input(1).replace_source_output(stored.output(0))


def _smooth(value: Any, factor: Floats) -> Node:
    """Divide each column by its factor; after a layer norm by another gain and bias.

    A second gain and bias beside those of the residual cost less than a product of their own: 1 to
    2 % of the tokens per second.
    """
    match value.get_node(), [one.get_node() for one in value.get_node().input_values()]:
        case shift, [scaled, bias] if _is_affine(shift, "Add") and _is_affine(scaled, "Multiply"):
            normal, gain = scaled.input_values()
            scaled = ops.multiply(normal, _floats(_values(gain.get_node()) / factor))
            return ops.add(scaled, _floats(_values(bias) / factor))
    return ops.multiply(value, _floats(1 / factor))


def _is_affine(node: Node, kind: str) -> bool:
    """Whether this adds, or multiplies by, a constant."""
    if node.get_type_name() != kind:
        return False
    other = _unconverted(node.input_value(1).get_node())
    return bool(other.get_type_name() == "Constant")


def _matrix(product: Node) -> Floats:
    """Return the matrix of a product as (out, in), however it is stored."""
    values = _values(_stored(product))
    return values if product.get_attributes()["transpose_b"] else values.T


def _values(node: Node) -> Floats:
    values: Floats = _unconverted(node).get_data(dtype=np.float32)
    return values


def _smoothing(ranges: Ranges, matrices: Sequence[Floats]) -> Floats:
    """Return the factor of each column, (width,)."""
    largest = np.maximum(np.abs(ranges.low), np.abs(ranges.high)) + np.float32(1e-6)
    heaviest = np.max([np.abs(matrix).max(0) for matrix in matrices], 0) + np.float32(1e-6)
    factor: Floats = largest**SMOOTHING / heaviest ** (1 - SMOOTHING)
    return factor.astype(np.float32)


def _in_8_bits(matrix: Floats) -> tuple[NDArray[np.int8], Floats]:
    """Round each row (one output) to whole numbers of steps: (out, in), and the steps (out, 1).

    As numbers of 8 bits, not a FakeQuantize of floats: compiling takes two thirds of the time.
    """
    largest = np.maximum(np.abs(matrix).max(1, keepdims=True), np.float32(1e-30))
    step = largest / np.float32(matrix_steps())
    return np.rint(matrix / step).astype(np.int8), step


@cache
def matrix_steps() -> int:
    """Return how many steps on either side of 0 this CPU multiplies exactly.

    Without VNNI, x86 adds pairs of products in 16 bits (VPMADDUBSW): 2 x 255 x 127 is more than
    these hold, and is silently cut. A matrix of 7 bits always fits.
    """
    most, fewer = MATRIX_STEPS
    width = 64
    value = ops.parameter([-1, -1, width], np.float32)
    limits = [_floats(0), _floats(INPUT_LEVELS - 1)]
    matrix = ops.convert(ops.constant(np.full((width, width), most, np.int8)), "f32")
    quantized = ops.fake_quantize(value, *limits, *limits, INPUT_LEVELS)
    product = ops.matmul(quantized, ops.multiply(matrix, _floats(1)), False, True)
    largest = np.full((1, 1, width), INPUT_LEVELS - 1, np.float32)
    [[sums]] = compute(Model([product], [value], "probe"), [[largest]])
    is_exact = np.allclose(sums, float(INPUT_LEVELS - 1) * most * width, rtol=0.01)
    return most if is_exact else fewer


def _floats(values: Any) -> Node:
    return ops.constant(np.asarray(values, dtype=np.float32))


def _read(path: Path | None, count: int) -> list[Ranges] | None:
    """Read the stored ranges; None if they are missing or damaged."""
    if path is None:
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return [Ranges(stored[f"low{n}"], stored[f"high{n}"]) for n in range(count)]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def _write(path: Path | None, ranges: Sequence[Ranges]) -> None:
    """Keep the ranges for the next time; where the folder cannot be written, they are not."""
    if path is None:
        return
    values = {f"low{n}": found.low for n, found in enumerate(ranges)}
    values |= {f"high{n}": found.high for n, found in enumerate(ranges)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as aside, aside.open("wb") as file:
            np.savez(file, **values)  # type: ignore[arg-type]
    except OSError:
        return
