"""Rotary position embedding as OpenVINO graph nodes: queries and keys turned by their places.

Su et al. 2021, https://arxiv.org/abs/2104.09864, section 3.4.2, with a pair's two parts half a head
apart, as GPT-NeoX lays them out. Knows no checkpoint.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from simile.architectures.bricks.layers import Floats, embed, first_rows, ints
from simile.checkpoints.configuration import Configuration
from simile.errors import UnsupportedModelError
from simile.graph import Node, ops


def frequencies(size: int, base: float) -> Floats:
    """Angle per place of each pair, (size / 2,), in the reference's own float32 steps."""
    exponents = np.arange(0, size, 2, dtype=np.float32) / np.float32(size)
    powers: Floats = np.float32(1) / np.power(np.float32(base), exponents)
    return powers


class Rotary:
    """The turns of one graph's places.

    The tables are computed once and in float32: angles computed in bfloat16 would be wrong from the
    third digit.
    """

    def __init__(
        self, input_ids: Node, angles: Floats, length: int, *, places: Node | None = None
    ) -> None:
        """Take ids (batch, seq), the angle per place of each pair, and the longest text.

        places (seq,) are those of the tokens; without them, they are counted from 0.
        """
        turned = np.arange(length, dtype=np.float32)[:, None] * angles
        self._half = len(angles)
        self._cos, self._sin = (
            ops.unsqueeze(
                first_rows(table, input_ids) if places is None else embed(table, places),
                ints(0, 2),
            )
            for table in (np.cos(turned), np.sin(turned))
        )

    def turn(self, x: Node) -> Node:
        """Turn the first 2 * angles columns of each head of (batch, seq, heads, head_size)."""
        half, axis = self._half, ints(-1)
        first = ops.slice(x, ints(0), ints(half), ints(1), axis)
        second = ops.slice(x, ints(half), ints(2 * half), ints(1), axis)
        rest = ops.slice(x, ints(2 * half), ints(np.iinfo(np.int64).max), ints(1), axis)
        turned = [
            ops.subtract(ops.multiply(first, self._cos), ops.multiply(second, self._sin)),
            ops.add(ops.multiply(second, self._cos), ops.multiply(first, self._sin)),
        ]
        return ops.concat([*turned, rest], -1)


def read_frequencies(
    configuration: Configuration, parameters: Mapping[str, Any], size: int, *, base: float
) -> Floats:
    """Read a rope_parameters object for heads of that size; base is the default.

    Builds the kinds default, linear (Chen et al. 2023, https://arxiv.org/abs/2306.15595, section
    3.1) and dynamic, which up to max_position_embeddings is the default; any other is refused.
    """
    found = Configuration(parameters, f"{configuration.where}: rope_parameters")
    kind = found.text("rope_type", found.text("type", "default"))
    if kind not in ("default", "linear", "dynamic"):
        raise UnsupportedModelError(
            f"{found.where}: rope_type {kind!r} is not built here; "
            "expected 'default', 'linear' or 'dynamic'"
        )
    found.only("partial_rotary_factor", (1,))
    angles = frequencies(size, found.number("rope_theta", base))
    return angles / np.float32(found.number("factor")) if kind == "linear" else angles
