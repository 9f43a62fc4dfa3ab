"""Turn a GGUF file into its metadata and named tensors; the weights are read when they are used.

Joins header and block formats, and checks that each tensor fits into the file; knows no
architecture and no tokenizer.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simile.checkpoints.gguf.blocks import BLOCKS, BlockFormat, name_of, read_blocks
from simile.checkpoints.gguf.reader import DamagedHeader, HeaderReader, TensorEntry
from simile.checkpoints.mapped_file import MappedFile
from simile.checkpoints.tensors import StoredTensor
from simile.errors import CheckpointError, UnsupportedModelError


@dataclass(frozen=True)
class GgufFile:
    """What the header says."""

    values: Mapping[str, Any]
    """Metadata: numbers, strings, Texts and, for arrays of numbers, memoryviews."""
    tensors: Mapping[str, StoredTensor]
    """By name, shapes slowest dimension first."""
    file: MappedFile


def read_gguf(path: Path) -> GgufFile:
    """Read the header; CheckpointError for a damaged file, UnsupportedModelError for a format."""
    file = MappedFile(path)
    try:
        header = HeaderReader(memoryview(file.data.data))
        values = header.values()
        entries = header.tensors()
        start = header.data_start(values.get("general.alignment", 32))
    except DamagedHeader as exc:
        raise CheckpointError(f"{path} {exc}") from exc
    return GgufFile(values, _views(path, entries, file.data[start:]), file)


def _views(
    path: Path, entries: Sequence[TensorEntry], body: NDArray[np.uint8]
) -> Mapping[str, StoredTensor]:
    views, end = {}, 0
    for entry in sorted(entries, key=lambda entry: entry.start):
        block = _block(path, entry)
        size = math.prod(entry.shape)
        if entry.shape[-1] % block.numbers or not size:
            raise CheckpointError(
                f"{path}: tensor {entry.name} {list(entry.shape)} is empty or its rows are no "
                f"multiple of the {block.numbers} numbers in a block of {block.kind}"
            )
        if entry.start < end:
            raise CheckpointError(f"{path}: tensor {entry.name} overlaps another")
        end = entry.start + size // block.numbers * block.size_bytes
        if end > body.size:
            raise CheckpointError(
                f"{path} is truncated: tensor {entry.name} ends at byte {end:,} of the data, "
                f"which has {body.size:,}; pull the model again"
            )
        read = partial(read_blocks, entry.kind, body[entry.start : end], entry.shape)
        views[entry.name] = StoredTensor(block.kind, entry.shape, read)
    return views


def _block(path: Path, entry: TensorEntry) -> BlockFormat:
    if entry.kind in BLOCKS:
        return BLOCKS[entry.kind]
    kinds = ", ".join(block.kind for block in BLOCKS.values())
    raise UnsupportedModelError(
        f"{path}: tensor {entry.name} is {name_of(entry.kind)}; expected one of {kinds}"
    )
