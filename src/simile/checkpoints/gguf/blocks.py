"""Turn a tensor's bytes in a GGUF file into float32, whatever its format.

Knows how many numbers and bytes a block of each format has; the blocks themselves are read with
the gguf package. Format: docs/gguf.md of ggml (read 2026-11).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simile.checkpoints.tensors import Floats, to_float32

CHUNK_NUMBERS = 2**20
"""Dequantized at a time: the temporary arrays are several times as large as the result."""


@dataclass(frozen=True)
class BlockFormat:
    """One format of tensors."""

    kind: str
    numbers: int
    size_bytes: int
    dtype: str = ""
    """NumPy's name for it, where a block is a plain number."""


BLOCKS: Mapping[int, BlockFormat] = {
    0: BlockFormat("F32", 1, 4, "<f4"),
    1: BlockFormat("F16", 1, 2, "<f2"),
    30: BlockFormat("BF16", 1, 2, "<u2"),
    2: BlockFormat("Q4_0", 32, 18),
    3: BlockFormat("Q4_1", 32, 20),
    6: BlockFormat("Q5_0", 32, 22),
    7: BlockFormat("Q5_1", 32, 24),
    8: BlockFormat("Q8_0", 32, 34),
    10: BlockFormat("Q2_K", 256, 84),
    11: BlockFormat("Q3_K", 256, 110),
    12: BlockFormat("Q4_K", 256, 144),
    13: BlockFormat("Q5_K", 256, 176),
    14: BlockFormat("Q6_K", 256, 210),
    20: BlockFormat("IQ4_NL", 32, 18),
    23: BlockFormat("IQ4_XS", 256, 136),
}
"""By the format's number. A quantizer uses some in place of others where a row is not a multiple
of 256: a Q4_K file of all-minilm is mostly Q5_0."""


def name_of(kind: int) -> str:
    """Name a format, also one that is not read here."""
    from gguf.constants import GGMLQuantizationType

    names = {int(member): member.name for member in GGMLQuantizationType}
    return names.get(kind, f"of the unknown format {kind}")


def read_blocks(kind: int, raw: NDArray[np.uint8], shape: tuple[int, ...]) -> Floats:
    """Read a tensor's bytes as float32 of that shape; values that are not finite stay so."""
    block = BLOCKS[kind]
    with np.errstate(invalid="ignore", over="ignore"):
        if block.dtype:
            aligned = raw if raw.ctypes.data % block.size_bytes == 0 else raw.copy()
            return to_float32(block.kind, np.asarray(aligned.view(block.dtype))).reshape(shape)
        return _dequantize(kind, raw).reshape(shape)


def _dequantize(kind: int, raw: NDArray[np.uint8]) -> Floats:
    from gguf.constants import GGMLQuantizationType
    from gguf.quants import dequantize

    block = BLOCKS[kind]
    blocks = np.asarray(raw).reshape(-1, block.size_bytes)
    floats = np.empty((len(blocks), block.numbers), dtype=np.float32)
    step = CHUNK_NUMBERS // block.numbers
    for first in range(0, len(blocks), step):
        part = slice(first, first + step)
        floats[part] = dequantize(blocks[part], GGMLQuantizationType(kind))
    return floats
